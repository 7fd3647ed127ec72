"""Changes of settings: written as NAME=VALUE, and shown with both values."""

from __future__ import annotations

import pytest

from kernel.errors import DomainError
from policies.core.settings import SETTING_NAMES, Change, PolicySettings, changed_settings, diff, side_by_side
from tests.factories import policy_settings

BEFORE = policy_settings()
AFTER = policy_settings(split_percentage="20", max_engine_flaps="4")


def test_a_change_is_shown_with_both_values() -> None:
    assert diff(BEFORE, AFTER) == [
        Change("split_percentage", "50.00", "20.00"),
        Change("max_engine_flaps", "off", "4"),
    ]
    assert diff(AFTER, BEFORE)[1] == Change("max_engine_flaps", "4", "off")


def test_side_by_side_every_setting_is_there() -> None:
    assert [change.name for change in side_by_side(BEFORE, AFTER)] == list(SETTING_NAMES)


def test_settings_are_read_from_a_row_by_name() -> None:
    assert PolicySettings.of(AFTER) == AFTER


@pytest.mark.parametrize(
    ("change", "code"),
    [("split_percentage=1=2", "setting_invalid"), ("split_percentage", "setting_unknown"), ("x=1", "setting_unknown")],
)
def test_a_change_is_split_at_its_first_equals_sign(change: str, code: str) -> None:
    with pytest.raises(DomainError) as caught:
        changed_settings(BEFORE, [change])

    assert caught.value.code == code
