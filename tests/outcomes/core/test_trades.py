"""Prices and P&L, exact to the last digit; and which quotes may price a shadow's exit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.trades import Leg, Quote, judge_quotes, profit_and_loss, quotes_of, trade_price

EXIT_TIME = datetime(2014, 6, 5, 18, tzinfo=UTC)
AT_EXIT = "2014-06-05T18:00:00Z"
PRICES = st.decimals(min_value=0, max_value=10**12 - 1, places=8)


def leg(instrument: str = "X", side: str = "LONG", ratio: int = 1, entry: str = "1.39") -> Leg:
    return Leg(instrument, side, ratio, Decimal(entry))


def pnl(legs: list[Leg], exits: dict[str, str], **sizes: str) -> Decimal:
    defaults = {"quantity": "1", "multiplier": "100", "fees": "0"} | sizes
    numbers = {name: Decimal(text) for name, text in defaults.items()}
    return profit_and_loss(legs, {name: Decimal(text) for name, text in exits.items()}, **numbers)


@pytest.mark.parametrize(
    ("entry", "exit_price", "expected"),
    [
        ("1.39", "1.99", "60"),
        ("0.98", "1.31", "33"),
        ("0.42", "0.61", "19"),
        ("1.63", "1.71", "8"),
        ("4.70", "5.00", "30"),
    ],
)
def test_the_known_answers_of_real_quotes_are_met_to_the_cent(entry: str, exit_price: str, expected: str) -> None:
    assert pnl([leg(entry=entry)], {"X": exit_price}) == Decimal(expected)


def test_what_was_sold_earns_when_the_price_falls() -> None:
    assert pnl([leg(side="SHORT", entry="2.00")], {"X": "0.50"}) == Decimal(150)


def test_fees_quantity_and_ratio_count() -> None:
    assert pnl([leg(ratio=2, entry="1")], {"X": "2"}, quantity="3", fees="1.30") == Decimal("598.70")


def test_a_spread_earns_the_difference_of_its_legs() -> None:
    spread = [leg("LOW", entry="3.00"), leg("HIGH", "SHORT", entry="1.00")]

    assert trade_price(spread, {"LOW": Decimal("3.00"), "HIGH": Decimal("1.00")}) == Decimal("2.00")
    assert pnl(spread, {"LOW": "4.50", "HIGH": "1.25"}) == Decimal("125.00")


def test_a_credit_is_a_negative_price_and_a_single_short_leg_has_its_own() -> None:
    credit = [leg("LOW", "SHORT", entry="3"), leg("HIGH", entry="1")]

    assert trade_price(credit, {"LOW": Decimal(3), "HIGH": Decimal(1)}) == Decimal(-2)
    assert trade_price([leg(side="SHORT", ratio=2)], {"X": Decimal(5)}) == Decimal(5)


def test_a_net_debit_keeps_every_digit() -> None:
    prices = {"X": Decimal("123456789012345678.123456789012"), "Y": Decimal("0.000000000001")}

    assert trade_price([leg(), leg("Y")], prices) == Decimal("123456789012345678.123456789013")


@given(PRICES, PRICES, st.integers(1, 1000), st.decimals(min_value=1, max_value=10**14 - 1, places=4))
def test_nothing_is_ever_rounded(entry: Decimal, exit_price: Decimal, ratio: int, quantity: Decimal) -> None:
    found = profit_and_loss(
        [Leg("X", "LONG", ratio, entry)],
        {"X": exit_price},
        quantity=quantity,
        multiplier=Decimal("0.01"),
        fees=Decimal(0),
    )

    scaled = int(exit_price.scaleb(8)) - int(entry.scaleb(8))
    assert int(found.scaleb(14, Context(prec=200))) == scaled * ratio * int(quantity.scaleb(4))


@given(PRICES, PRICES)
def test_buying_and_selling_the_same_are_opposites(entry: Decimal, exit_price: Decimal) -> None:
    sizes: dict[str, Any] = {"quantity": Decimal(1), "multiplier": Decimal(100), "fees": Decimal(0)}

    bought = profit_and_loss([Leg("X", "LONG", 1, entry)], {"X": exit_price}, **sizes)
    sold = profit_and_loss([Leg("X", "SHORT", 1, entry)], {"X": exit_price}, **sizes)

    assert bought == -sold


def test_a_leg_comes_back_from_its_document_unchanged() -> None:
    original = leg("TWX   140621C00070000", "SHORT", 3, "0.00000001")

    assert Leg.from_document(original.document()) == original


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


def test_a_usable_quote_is_kept_as_sent() -> None:
    judged = judge_quotes({"X": quote(quote_time="2014-06-05T17:59:59Z")}, EXIT_TIME)

    assert judged.usable == {"X": Quote(Decimal("1.31"), Decimal("1.37"), EXIT_TIME - timedelta(seconds=1))}


def test_an_instrument_without_a_quote_is_missing() -> None:
    assert judge_quotes({}, EXIT_TIME).flag_of("X") == "MISSING"


def test_a_long_leg_leaves_at_the_bid_and_a_short_one_at_the_ask() -> None:
    legs = [Leg("X", "LONG", 1, Decimal(1)), Leg("Y", "SHORT", 1, Decimal(1))]

    prices = judge_quotes({"X": quote("2", "3"), "Y": quote("4", "5")}, EXIT_TIME).touch_prices(legs)

    assert prices == {"X": Decimal(2), "Y": Decimal(5)}


def test_one_unusable_leg_leaves_the_whole_trade_without_a_price() -> None:
    legs = [Leg("X", "LONG", 1, Decimal(1)), Leg("Y", "SHORT", 1, Decimal(1))]

    assert judge_quotes({"X": quote(), "Y": quote(bid=9)}, EXIT_TIME).touch_prices(legs) is None


def test_the_quotes_of_market_conditions_are_read_from_their_field() -> None:
    assert quotes_of({"quotes": {"X": quote()}, "underlying": 70}) == {"X": quote()}


@pytest.mark.parametrize("quotes", [None, [], "text", 1])
def test_conditions_whose_quotes_are_no_object_quote_nothing(quotes: Any) -> None:
    assert quotes_of({"quotes": quotes}) == {}
    assert quotes_of({}) == {}


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_stands_in_a_quote_is_judged_and_never_an_error(bid: Any, ask: Any, quote_time: Any) -> None:
    judged = judge_quotes({"X": quote(bid, ask, quote_time)}, EXIT_TIME)

    assert len(judged.usable) + len(judged.flags) == 1
