"""The example engines' option model against known values."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from option_model import Contract, black_scholes, expiry_near, nearest_strike, quote, third_friday

CALL = Contract("AAPL", date(2008, 3, 22), "C", Decimal(195))
NOW = datetime(2008, 2, 20, 21, tzinfo=UTC)


def test_the_textbook_call_and_put_have_their_textbook_values() -> None:
    assert black_scholes("C", 100, 100, 1, 0.2, rate=0.05) == pytest.approx(10.450584, abs=1e-6)
    assert black_scholes("P", 100, 100, 1, 0.2, rate=0.05) == pytest.approx(5.573526, abs=1e-6)


@given(spot=st.floats(10, 1000), strike=st.floats(10, 1000), years=st.floats(0.01, 3), volatility=st.floats(0.05, 2))
def test_put_and_call_keep_their_parity(spot: float, strike: float, years: float, volatility: float) -> None:
    call, put = (black_scholes(right, spot, strike, years, volatility, rate=0.03) for right in "CP")

    assert call - put == pytest.approx(spot - strike * math.exp(-0.03 * years), abs=1e-8)


def test_after_expiry_an_option_is_worth_what_exercising_it_brings() -> None:
    assert black_scholes("C", 110, 100, 0, 0.2) == 10
    assert black_scholes("P", 110, 100, -1, 0.2) == 0


def test_the_symbol_has_the_21_characters_of_the_occ() -> None:
    assert str(CALL) == "AAPL  080322C00195000"
    assert str(Contract("GOOG", date(2009, 1, 17), "P", Decimal("7.5"))) == "GOOG  090117P00007500"


@given(
    root=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=6),
    expiry=st.dates(date(2000, 1, 1), date(2060, 12, 31)),
    right=st.sampled_from("CP"),
    strike=st.integers(1, 99_999_999),
)
def test_a_symbol_reads_back_as_its_contract(root: str, expiry: date, right: str, strike: int) -> None:
    contract = Contract(root, expiry, right, Decimal(strike) / 1000)

    assert len(str(contract)) == 21
    assert Contract.parse(str(contract)) == contract


@pytest.mark.parametrize(
    "symbol", ["", "AAPL", "AAPL  080322X00195000", "AAPL  080322C0019500x", "AAPL  089922C00195000"]
)
def test_what_is_no_occ_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (an impossible date has a message of Python's own)
        Contract.parse(symbol)


@pytest.mark.parametrize("root", ["", "BTCUSDT"])
def test_an_underlying_without_an_occ_symbol_has_no_contract(root: str) -> None:
    with pytest.raises(ValueError, match="no OCC symbol"):
        Contract(root, date(2008, 3, 22), "C", Decimal(1))


def test_a_quote_is_in_cents_with_the_value_inside() -> None:
    value = black_scholes("C", 200.0, 195.0, 31 / 365.25, 0.4)

    seen = quote(CALL, 200.0, 0.4, NOW)

    assert seen.bid < value < seen.ask
    assert seen.bid == seen.bid.quantize(Decimal("0.01"))


@given(spot=st.floats(0.01, 5000), volatility=st.floats(0, 5))
@example(spot=1.0, volatility=0.0)
def test_a_quote_is_never_negative_or_crossed(spot: float, volatility: float) -> None:
    seen = quote(CALL, spot, volatility, NOW)

    assert 0 <= seen.bid < seen.ask


def test_a_worthless_put_has_no_bid_and_no_sign() -> None:
    """Its value is -0.0, which as text is no price."""
    worthless = Contract("AAPL", date(2026, 12, 18), "P", Decimal(20))

    assert str(quote(worthless, 230.0, 0.2, datetime(2026, 11, 30, tzinfo=UTC)).bid) == "0.00"


def test_the_third_friday_of_a_month_is_found() -> None:
    assert third_friday(2008, 2) == date(2008, 2, 15)
    assert third_friday(2008, 8) == date(2008, 8, 15)
    assert third_friday(2009, 5) == date(2009, 5, 15)


@pytest.mark.parametrize(
    ("day", "days", "expiry"),
    [
        (date(2008, 1, 2), 30, date(2008, 1, 18)),  # 16 and 44 days are equally far: the earlier
        (date(2008, 1, 14), 30, date(2008, 2, 15)),
        (date(2008, 12, 20), 60, date(2009, 2, 20)),
    ],
)
def test_the_expiry_nearest_to_the_wish_is_chosen_across_the_years_end(day: date, days: int, expiry: date) -> None:
    assert expiry_near(day, days) == expiry


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)))
def test_an_expiry_is_never_within_a_week(day: date) -> None:
    assert (expiry_near(day, 1) - day).days >= 7


@pytest.mark.parametrize(("spot", "strike"), [(0.2, 1), (35.4, 35), (197.4, 195), (197.6, 200), (685.2, 690)])
def test_strikes_lie_on_the_grid_of_their_price(spot: float, strike: int) -> None:
    assert nearest_strike(spot) == strike
