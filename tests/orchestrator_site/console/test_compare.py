"""Any two policy versions side by side, under an address that can be passed on."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_policy
from tests.orchestrator_site.console.rows import logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    make_policy(split_percentage="20")
    make_policy(split_percentage="30", configured_mode="SHADOW_ONLY", max_engine_flaps=3)
    return logged_in("viewer")


def compare(client: Client, left: str, right: str) -> tuple[dict[str, tuple[str, str]], int]:
    context = client.get(reverse("admin:policies_policyversion_compare"), {"left": left, "right": right}).context
    rows = {row.name: (row.before, row.after) for row in context["rows"] if row.before != row.after}
    return rows, len(context["rows"])


def test_two_versions_are_compared_setting_by_setting(viewer: Client) -> None:
    rows, shown = compare(viewer, "1", "v3")

    assert rows == {
        "configured_mode": ("AUTO", "SHADOW_ONLY"),
        "split_percentage": ("50.00", "30.00"),
        "max_engine_flaps": ("off", "3"),
    }
    assert shown == 18


def test_the_sides_are_as_the_address_says(viewer: Client) -> None:
    assert compare(viewer, "3", "2")[0]["split_percentage"] == ("30.00", "20.00")


def test_a_version_does_not_differ_from_itself(viewer: Client) -> None:
    assert compare(viewer, "2", "2")[0] == {}


@pytest.mark.parametrize("wrong", ["", "0", "99", "x", "-1", "9" * 30, "\x00", "1.5", "v"])
def test_what_is_no_version_is_told_beside_its_field(viewer: Client, wrong: str) -> None:
    page = viewer.get(reverse("admin:policies_policyversion_compare"), {"left": wrong, "right": "1"})

    assert page.status_code == 200
    assert list(page.context["form"].errors) == ["left"]
    assert page.context["rows"] == []


def test_without_an_address_it_offers_the_last_two(viewer: Client) -> None:
    form = viewer.get(reverse("admin:policies_policyversion_compare")).context["form"]

    assert (form["left"].value(), form["right"].value()) == (2, 3)


def test_a_version_links_to_the_comparison_with_its_predecessor(viewer: Client) -> None:
    answer = viewer.get(reverse("admin:policies_policyversion_compare_with_previous", args=("3",)))

    assert answer.headers["Location"].endswith("compare/?left=2&right=3")
