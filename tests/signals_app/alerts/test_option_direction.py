"""The direction of an alert that names an option: a bought one has it, a sold one could mean either (R1.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.signals_app.alerts.alerts import accept, make_alert, refuse, with_direction


@pytest.mark.parametrize("option", ["call", "C", " Call "])
def test_buying_a_call_is_long(option: str) -> None:
    assert accept(with_direction(action="buy", optionType=option)).direction == "LONG"


@pytest.mark.parametrize(
    ("members", "direction"),
    [
        ({"action": "buy", "optionType": "call"}, "LONG"),
        ({"action": "buy", "optionType": "put", "direction": "long"}, "LONG"),
        ({"action": "sell", "option_type": "put", "sentiment": "bearish"}, "SHORT"),
    ],
)
def test_an_option_type_is_fine_where_the_direction_of_the_underlying_is_clear(
    members: dict[str, Any], direction: str
) -> None:
    assert accept(make_alert(**{"direction": ..., **members})).direction == direction


@pytest.mark.parametrize(
    ("action", "option", "code"),
    [
        ("sell", "put", "conflicting_direction"),
        ("sell", "C", "conflicting_direction"),
        ("buy", "both", "direction_invalid"),
    ],
)
def test_an_option_that_is_sold_is_ambiguous(action: str, option: str, code: str) -> None:
    error = refuse(with_direction(action=action, optionType=option))

    assert (error.code, error.pointer) == (code, "/optionType")


@pytest.mark.parametrize("action", ["buy", "BTO", "buy_to_open"])
@pytest.mark.parametrize(
    "option", [{"optionType": "put"}, {"right": "P"}, {"option_type": "PE"}, {"option": {"type": "Put"}}]
)
def test_a_put_that_is_bought_is_short(action: str, option: dict[str, Any]) -> None:
    assert accept(with_direction(action=action, **option)).direction == "SHORT"


def test_a_right_that_is_no_option_type_says_nothing() -> None:
    assert accept(with_direction(action="buy", right="upper")).direction == "LONG"


@pytest.mark.parametrize("word", ["sell_to_open", "STO", "SELL_CE", "SELL_PE", "sell put"])
def test_selling_an_option_is_ambiguous_and_the_error_says_why(word: str) -> None:
    error = refuse(make_alert(direction=word))

    assert error.code == "direction_invalid"
    assert "ambiguous" in error.detail
