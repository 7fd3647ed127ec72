"""Which quotes may price a shadow's exit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.pricing import Leg
from outcomes.core.quotes import judge_quotes, quotes_of

EXIT_TIME = datetime(2014, 6, 5, 18, tzinfo=UTC)
AT_EXIT = "2014-06-05T18:00:00Z"


def quote(bid: Any = "1.31", ask: Any = "1.37", quote_time: Any = AT_EXIT) -> dict[str, Any]:
    return {"bid": bid, "ask": ask, "quote_time": quote_time}


def flag(raw: Any) -> str | None:
    return judge_quotes({"X": raw}, EXIT_TIME).flag_of("X")


@pytest.mark.parametrize(
    "raw",
    [
        quote(),
        quote(bid=1.31, ask=1.37),
        quote(bid=Decimal("1.31"), ask=2),
        quote(bid="1.31", ask="1.31"),
        quote(bid=0, ask="0.05"),
        quote(quote_time="2014-06-05T14:00:00-04:00"),
        quote(quote_time="2014-06-05T17:59:59.999999Z"),
        quote(bid="1e-2"),
        quote() | {"size": 10},
    ],
)
def test_a_two_sided_quote_from_before_the_exit_is_usable(raw: Any) -> None:
    assert flag(raw) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (quote(quote_time="2014-06-05T18:00:00.000001Z"), "LOOKAHEAD"),
        (quote(quote_time="2014-06-05T18:00:00-04:00"), "LOOKAHEAD"),
        (quote(bid="1.38"), "CROSSED"),
        (quote(bid=None), "ONE_SIDED"),
        ({"ask": "1.37", "quote_time": AT_EXIT}, "ONE_SIDED"),
        (quote(bid=0, ask=0), "ONE_SIDED"),
        (quote(quote_time=None), "NO_TIME"),
        (quote(quote_time="2014-06-05T18:00:00"), "NO_TIME"),
        (quote(quote_time=1401991200), "NO_TIME"),
        (quote(bid="-0.01"), "NOT_A_QUOTE"),
        (quote(bid=True), "NOT_A_QUOTE"),
        (quote(bid="NaN"), "NOT_A_QUOTE"),
        (quote(bid="1_0"), "NOT_A_QUOTE"),
        (quote(bid="\u0661"), "NOT_A_QUOTE"),
        (quote(bid="0.000000001"), "NOT_A_QUOTE"),
        (quote(ask="1000000000000"), "NOT_A_QUOTE"),
        (quote(ask=1e300), "NOT_A_QUOTE"),
        (quote(ask="1" + "0" * 5000), "NOT_A_QUOTE"),
        (quote(ask="1e999"), "NOT_A_QUOTE"),
        (quote(bid={"price": 1}), "NOT_A_QUOTE"),
        ([1.31, 1.37], "NOT_A_QUOTE"),
        (None, "NOT_A_QUOTE"),
    ],
)
def test_any_other_quote_is_flagged_and_prices_nothing(raw: Any, expected: str) -> None:
    assert flag(raw) == expected


def test_an_instrument_without_a_quote_is_missing() -> None:
    assert judge_quotes({}, EXIT_TIME).flag_of("X") == "MISSING"


def test_a_long_leg_leaves_at_the_bid_and_a_short_one_at_the_ask() -> None:
    legs = [Leg("X", "LONG", 1, Decimal(1)), Leg("Y", "SHORT", 1, Decimal(1))]

    prices = judge_quotes({"X": quote("2", "3"), "Y": quote("4", "5")}, EXIT_TIME).touch_prices(legs)

    assert prices == {"X": Decimal(2), "Y": Decimal(5)}


def test_one_unusable_leg_leaves_the_whole_trade_without_a_price() -> None:
    legs = [Leg("X", "LONG", 1, Decimal(1)), Leg("Y", "SHORT", 1, Decimal(1))]

    assert judge_quotes({"X": quote(), "Y": quote(bid=9)}, EXIT_TIME).touch_prices(legs) is None


@pytest.mark.parametrize("quotes", [None, [], "text", 1])
def test_conditions_whose_quotes_are_no_object_quote_nothing(quotes: Any) -> None:
    assert quotes_of({"quotes": quotes}) == {}
    assert quotes_of({}) == {}


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_stands_in_a_quote_is_judged_and_never_an_error(bid: Any, ask: Any, quote_time: Any) -> None:
    judged = judge_quotes({"X": quote(bid, ask, quote_time)}, EXIT_TIME)

    assert len(judged.usable) + len(judged.flags) == 1
