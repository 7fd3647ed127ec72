"""Columns of lists are aligned and wrapped by what they hold, not by their names in a style sheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import reverse

import admin_kit
from tests.orchestrator_site.console.rows import logged_in

STYLE_SHEET = Path(admin_kit.__file__).parent / "static" / "admin_kit" / "admin.css"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("page", "numbers", "wrapped"),
    [
        ("outcomes_realtrade", {"quantity", "entry_price", "exit_price"}, set()),
        ("experiments_experiment", {"pnl_real", "pnl_shadow"}, set()),
        ("policies_halt", set(), {"reason", "release_reason"}),
        ("policies_policyversion", {"split_percentage"}, {"note"}),
    ],
)
def test_numbers_are_right_aligned_with_their_heading_and_free_text_wraps(
    page: str, numbers: set[str], wrapped: set[str]
) -> None:
    html = logged_in("operator").get(reverse(f"admin:{page}_changelist")).content.decode()

    aligned = set(re.findall(r"td\.field-(\w+) \{ text-align: right", html))
    assert aligned >= numbers
    assert aligned == set(re.findall(r"th\.column-(\w+) > div", html))
    assert set(re.findall(r"td\.field-(\w+) \{ white-space: normal", html)) >= wrapped


def test_the_style_sheet_names_no_field() -> None:
    assert re.findall(r"\.(?:field|column)-\w+", STYLE_SHEET.read_text()) == []
