"""Which quotes price a moment, whichever way feeds and engines write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.values import without_noise
from outcomes.core.quoting import (
    Quote,
    QuoteFlag,
    neutral_entry,
    neutral_exit,
    price_outside,
    quotes_by_instrument,
    read_price,
    read_quote,
    read_quote_time,
    touch,
)

NOON = datetime(2014, 6, 5, 12, tzinfo=UTC)
AT_NOON = "2014-06-05T12:00:00Z"
MINUTE = timedelta(minutes=1)
PRICES = st.decimals(min_value=0, max_value=10**12 - 1, places=12)
SECONDS = st.integers(-120, 120)


def raw(**changes: Any) -> dict[str, Any]:
    return {"bid": "1.37", "ask": "1.39", "quote_time": AT_NOON} | changes


def read(quote: Any, *, max_age: timedelta | None = MINUTE, not_before: datetime | None = None) -> Quote | QuoteFlag:
    return read_quote(quote, NOON, max_age=max_age, not_before=not_before)


def stored(seconds: float, bid: str = "1.37", ask: str = "1.39", *, number: int = 1, arrived: float = 0) -> Quote:
    """A stored quote: `seconds` from noon, arrived that many seconds from noon."""
    at = NOON + timedelta(seconds=seconds)
    return Quote(Decimal(bid), Decimal(ask), at, number, NOON + timedelta(seconds=arrived))


@st.composite
def stored_quotes(draw: st.DrawFn) -> list[Quote]:
    """Quotes around noon, crossed and one-sided ones among them, stored in any order."""
    prices = st.sampled_from(["0", "1", "2"])
    rows = draw(st.lists(st.tuples(SECONDS, prices, prices, SECONDS), max_size=12))
    return [stored(at, bid, ask, number=number, arrived=by) for number, (at, bid, ask, by) in enumerate(rows, start=1)]


@pytest.mark.parametrize(
    "quote_time",
    [AT_NOON, "2014-06-05T14:00:00+02:00", "2014-06-05T12:00:00.000000999Z", 1401969600, 1401969600000, 1401969600.0],
)
def test_a_quote_is_read_however_its_time_is_written(quote_time: Any) -> None:
    assert read(raw(quote_time=quote_time)) == Quote(Decimal("1.37"), Decimal("1.39"), NOON)


@pytest.mark.parametrize(
    ("quote", "flag"),
    [
        (None, "MISSING"),
        (1.38, "NOT_A_QUOTE"),
        (raw(bid="much"), "NOT_A_QUOTE"),
        (raw(bid="-0.01"), "NOT_A_QUOTE"),
        (raw(ask=True), "NOT_A_QUOTE"),
        (raw(ask="1e12"), "NOT_A_QUOTE"),
        (raw(bid=None), "ONE_SIDED"),
        ({"bid": "1", "quote_time": AT_NOON}, "ONE_SIDED"),
        (raw(ask="0"), "ONE_SIDED"),
        (raw(bid="0", ask="0"), "ONE_SIDED"),
        (raw(bid="1.40"), "CROSSED"),
        (raw(quote_time=None), "NO_TIME"),
        (raw(quote_time="2014-06-05T12:00:00"), "NO_TIME"),
        (raw(quote_time="1401969600"), "NO_TIME"),
        (raw(quote_time=True), "NO_TIME"),
        (raw(quote_time=float("inf")), "NO_TIME"),
        (raw(quote_time="2014-06-05T12:00:00.000001Z"), "LOOKAHEAD"),
        (raw(quote_time="2014-06-05T11:58:59.999999Z"), "STALE"),
    ],
)
def test_what_cannot_price_says_why(quote: Any, flag: str) -> None:
    assert read(quote) == QuoteFlag[flag]


def test_a_quote_as_old_as_the_limit_still_prices_and_without_a_limit_any_does() -> None:
    assert read(raw(quote_time="2014-06-05T11:59:00Z")) == stored_as_read(-60)
    assert read(raw(quote_time="1970-01-01T00:00:00Z"), max_age=None) != QuoteFlag.STALE


def test_a_contract_that_nobody_bids_for_can_be_sold_worthless_and_not_bought() -> None:
    gone = raw(bid="0", ask="0")

    assert read_quote(gone, NOON, max_age=MINUTE, sells=True) == Quote(Decimal(0), Decimal(0), NOON)
    assert read_quote(gone, NOON, max_age=MINUTE) == QuoteFlag.ONE_SIDED
    assert read_quote(raw(bid="1", ask="0"), NOON, max_age=MINUTE, sells=True) == QuoteFlag.ONE_SIDED


def test_an_exit_is_not_priced_by_a_quote_from_before_the_entry() -> None:
    entry = NOON - timedelta(seconds=30)

    assert read(raw(quote_time="2014-06-05T11:59:29.999999Z"), not_before=entry) == QuoteFlag.BEFORE_ENTRY
    assert read(raw(quote_time="2014-06-05T11:59:30Z"), not_before=entry) == stored_as_read(-30)


def stored_as_read(seconds: float) -> Quote:
    return Quote(Decimal("1.37"), Decimal("1.39"), NOON + timedelta(seconds=seconds))


@given(price=PRICES)
def test_a_price_is_read_to_the_last_digit_from_text_and_from_json(price: Decimal) -> None:
    document = json.loads(f'{{"price": {price:f}}}', parse_float=Decimal)

    assert read_price(f"{price:f}") == read_price(f"{price:f}000") == price
    assert read_price(document["price"]) == without_noise(price)


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("1e-2", "0.01"), ("9.4E-1", "0.94"), ("1E+2", "100"), ("5e-05", "0.00005"), ("1.50", "1.5"),
        (1e-2, "0.01"), (0.1, "0.1"), (7, "7"), (-0.0, "0"),
        (0.1 + 0.2, "0.3"), (6000.03 + 0.15, "6000.18"), (1e-13, "0"), ("0.0000000000006", "0.000000000001"),
        (Decimal("1.0000000000005"), "1"), (Decimal("1.0000000000015"), "1.000000000002"),
    ],
)  # fmt: skip
def test_feeds_may_write_a_price_in_their_own_way(value: Any, price: str) -> None:
    assert read_price(value) == Decimal(price)


@pytest.mark.parametrize(
    "value",
    [
        "", " 1", "1_0", "\u0661", "NaN", "Infinity", "1e2000", "1e-999", "-0", "9" * 13, [], ["1"], {"1": 1},
        None, True, -1, 10**12, -1e-30, float("inf"), float("nan"), Decimal("999999999999.9999999999995"),
    ],
)  # fmt: skip
def test_what_is_no_price_is_none(value: Any) -> None:
    assert read_price(value) is None


@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.text(max_size=5) | st.floats()))
def test_whatever_an_engine_sends_as_a_quote_is_read_or_flagged(quote: dict[str, Any]) -> None:
    assert isinstance(read(quote), QuoteFlag)


@pytest.mark.parametrize("name", ["TWX140719C00072500", "O:TWX140719C00072500", "TWX   140719C00072500"])
def test_a_contract_is_one_in_all_its_spellings(name: str) -> None:
    assert quotes_by_instrument({name: raw(), "TWX": None}) == {"TWX   140719C00072500": raw(), "TWX": None}


def test_of_two_spellings_the_canonical_one_counts() -> None:
    three = {"TWX140719C00072500": "bare", "TWX   140719C00072500": "canonical", "O:TWX140719C00072500": "other"}

    for document in (three, dict(reversed(three.items()))):
        assert quotes_by_instrument(document) == {"TWX   140719C00072500": "canonical"}


@pytest.mark.parametrize("document", [None, [], "quotes", 7])
def test_what_holds_no_quotes_is_empty(document: Any) -> None:
    assert quotes_by_instrument(document) == {}


def test_a_sale_gets_the_bid_and_a_purchase_pays_the_ask() -> None:
    assert (touch(stored(0), sells=True), touch(stored(0), sells=False)) == (Decimal("1.37"), Decimal("1.39"))


def test_an_entry_takes_the_first_quote_from_the_arrival_on() -> None:
    quotes = [stored(61), stored(-1), stored(60, number=4), stored(60, number=3)]

    assert neutral_entry(quotes, NOON, MINUTE) == quotes[3]
    assert neutral_entry([*quotes, stored(0, number=9)], NOON, MINUTE) == stored(0, number=9)
    assert neutral_entry(quotes[:2], NOON, MINUTE) is None


def exit_quote(quotes: list[Quote], **terms: Any) -> Quote | None:
    """What prices an exit at noon; any quote of the hour counts unless told otherwise."""
    defaults: dict[str, Any] = {"arrived_by": NOON + MINUTE, "not_before": NOON - MINUTE, "sells": False}
    return neutral_exit(quotes, NOON, MINUTE, **defaults | terms)


def test_an_exit_takes_the_last_quote_that_had_arrived_in_time() -> None:
    early, late, after = stored(-10, number=1), stored(-5, number=2, arrived=6), stored(1, number=3)
    quotes = [after, late, early, stored(-61)]
    five_seconds_later = NOON + timedelta(seconds=5)

    assert exit_quote(quotes, arrived_by=five_seconds_later) == early
    assert exit_quote(quotes) == late
    assert exit_quote(quotes, not_before=NOON) is None


def test_a_quote_at_the_edge_of_its_window_prices_an_exit() -> None:
    oldest, exact = stored(-60, arrived=60), stored(0, arrived=60)
    too_old, too_late = stored(-60.000001), stored(0, arrived=60.000001)

    assert exit_quote([oldest]) == exit_quote([oldest, too_old]) == oldest
    assert exit_quote([oldest, exact]) == exact
    assert exit_quote([too_old, too_late]) is None


def test_what_nobody_bids_for_any_more_can_be_left_and_not_bought_back() -> None:
    gone = stored(-1, "0", "0")

    assert exit_quote([gone], sells=True) == gone
    assert exit_quote([gone]) is None
    assert neutral_entry([stored(1, "0", "0")], NOON, MINUTE) is None
    # Something is bid for, and nothing offered: a side of the quote is missing.
    assert exit_quote([stored(-1, "1", "0")], sells=True) is None


def test_infinity_is_no_time_and_says_so() -> None:
    with pytest.raises(ValueError, match=r"^Infinity is not a time\.$"):
        read_quote_time(float("-inf"))


@given(quotes=stored_quotes(), limit=st.integers(0, 60), by=SECONDS, entry=st.integers(-120, 0), sells=st.booleans())
def test_what_prices_can_be_traded_with_and_lies_in_its_window(
    quotes: list[Quote], limit: int, by: int, entry: int, sells: bool
) -> None:
    age, arrived_by, entered = timedelta(seconds=limit), NOON + timedelta(seconds=by), NOON + timedelta(seconds=entry)

    opening = neutral_entry(quotes, NOON, age)
    closing = neutral_exit(quotes, NOON, age, arrived_by=arrived_by, not_before=entered, sells=sells)

    opens = [quote for quote in quotes if quote.bid <= quote.ask > 0 and NOON <= quote.quote_time <= NOON + age]
    closes = [
        quote
        for quote in quotes
        if (quote.bid <= quote.ask > 0 or (sells and quote.bid == quote.ask == 0))
        and max(NOON - age, entered) <= quote.quote_time <= NOON
        and (quote.received_at or NOON) <= arrived_by
    ]
    # Sorting is stable and the quotes stand in the order of their ids.
    assert [quote for quote in [opening] if quote] == sorted(opens, key=lambda quote: quote.quote_time)[:1]
    assert [quote for quote in [closing] if quote] == sorted(closes, key=lambda quote: quote.quote_time)[-1:]


@given(quotes=stored_quotes())
def test_the_order_in_which_quotes_are_read_prices_nothing_differently(quotes: list[Quote]) -> None:
    turned = list(reversed(quotes))

    assert neutral_entry(quotes, NOON, MINUTE) == neutral_entry(turned, NOON, MINUTE)
    assert exit_quote(quotes) == exit_quote(turned)


@pytest.mark.parametrize(
    ("price", "is_sale", "outside"),
    [("1.29", False, True), ("1.30", False, False), ("9", False, False), ("1.46", True, True), ("1.45", True, False)],
)
def test_a_fill_better_than_every_quote_around_it_is_outside(price: str, is_sale: bool, outside: bool) -> None:
    quotes = [stored(0, "1.37", "1.39"), stored(1, "1.30", "1.45")]

    assert price_outside(Decimal(price), is_sale, quotes) is outside


@given(price=PRICES, is_sale=st.booleans())
def test_without_a_quote_that_can_price_no_fill_is_outside(price: Decimal, is_sale: bool) -> None:
    assert not price_outside(price, is_sale, [stored(0, "2", "1"), stored(0, "1", "0")])


@given(quotes=stored_quotes(), is_sale=st.booleans())
def test_what_trades_at_the_touch_is_never_outside(quotes: list[Quote], is_sale: bool) -> None:
    for quote in quotes:
        assert not quote.can_price or not price_outside(touch(quote, sells=is_sale), is_sale, quotes)
