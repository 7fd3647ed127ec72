"""Prices and P&L, exact to the last digit."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.pricing import Leg, decimal_text, profit_and_loss, trade_price

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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.39000000", "1.39"),
        ("1", "1.00"),
        ("1E+3", "1000.00"),
        ("1E-8", "0.00000001"),
        ("-0.0", "0.00"),
        ("-271", "-271.00"),
        ("0.125", "0.125"),
    ],
)
def test_decimals_are_written_plain_with_two_decimals_or_more(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


def test_a_leg_comes_back_from_its_document_unchanged() -> None:
    original = leg("TWX   140621C00070000", "SHORT", 3, "0.00000001")

    assert Leg.from_document(original.document()) == original
