"""The capital at risk that the referee computes from opening fills."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.books import risk_amount
from tests.outcomes.core.fills import HUNDRED, Moved, closed, opened

C70, C75, P65, P70, P75 = (
    "TWX   140621C00070000",
    "TWX   140621C00075000",
    "TWX   140621P00065000",
    "TWX   140621P00070000",
    "TWX   140621P00075000",
)
NEXT_C70 = "TWX   140719C00070000"


@pytest.mark.parametrize(
    ("legs", "risk"),
    [
        ([(C70, "LONG", "1", "1.39")], "139.00"),
        ([(C70, "LONG", "2", "1.39"), (P70, "LONG", "2", "1.00")], "478.00"),
        # Long legs risk what they cost, also where one of them must end in the money.
        ([(C70, "LONG", "1", "6.00"), (P75, "LONG", "1", "7.00")], "1300.00"),
        # A vertical debit spread risks its debit, a credit spread its width less the credit.
        ([(C70, "LONG", "1", "2.00"), (C75, "SHORT", "1", "0.50")], "150.00"),
        ([(P70, "SHORT", "1", "1.50"), (P65, "LONG", "1", "0.50")], "400.00"),
        # An iron condor's wings never lose together.
        (
            [
                (P65, "LONG", "1", "0.20"),
                (P70, "SHORT", "1", "0.80"),
                (C70, "SHORT", "1", "0.90"),
                (C75, "LONG", "1", "0.30"),
            ],
            "380.00",
        ),
        # Uncovered: the strike, whatever premium came in.
        ([(P70, "SHORT", "1", "1.50")], "7000.00"),
        ([(C70, "SHORT", "2", "1.50")], "14000.00"),
        ([(P65, "SHORT", "1", "1.00"), (C75, "SHORT", "1", "1.00")], "14000.00"),
        # A calendar spread has two expiries: its short leg counts as uncovered, its long one by premium.
        ([(C70, "SHORT", "1", "1.00"), (NEXT_C70, "LONG", "1", "2.00")], "7200.00"),
        ([(C70, "SHORT", "2", "1.00"), (NEXT_C70, "LONG", "3", "2.00")], "14600.00"),
        # So do options of two roots, and an option beside a share.
        ([(C70, "LONG", "1", "2.00"), ("TWY   140621C00075000", "SHORT", "1", "0.50")], "7700.00"),
        ([("TWX", "LONG", "1", "70"), (C75, "SHORT", "1", "1.00")], "14500.00"),
        # More puts sold than bought lose most where the share is worth nothing; more calls sold lose without bound.
        ([(P70, "LONG", "2", "1.50"), (P65, "SHORT", "4", "1.00")], "11900.00"),
        ([(C70, "LONG", "1", "2.00"), (C75, "SHORT", "2", "0.50")], "15200.00"),
        ([("TWX", "SHORT", "100", "70.5")], "705000.00"),
    ],
)
def test_known_trades(legs: list[Moved], risk: str) -> None:
    assert risk_amount(opened(*legs), HUNDRED) == Decimal(risk)


def test_an_arbitrage_that_cannot_lose_risks_nothing() -> None:
    fills = opened((C70, "LONG", "1", "0.50"), (C75, "SHORT", "1", "1.00"))

    assert risk_amount(fills, HUNDRED) == 0


def test_an_order_that_fills_in_parts_risks_what_it_would_at_once() -> None:
    parts = opened((P70, "SHORT", "1", "1.50")) + opened((P70, "SHORT", "1", "1.40"))

    assert risk_amount(parts, HUNDRED) == Decimal("14000.00")


def test_a_future_that_costs_less_than_nothing_risks_nothing() -> None:
    assert risk_amount(opened(("CLK0", "LONG", "1", "-37.63")), Decimal(1000)) == 0
    assert risk_amount(opened(("CLK0", "SHORT", "1", "-37.63")), Decimal(1000)) == 0


def test_risk_is_exact_in_figures_longer_than_28_digits() -> None:
    longest = opened((C70, "LONG", "99999999999999.9999", "999999999999.99999999"))

    assert risk_amount(longest, HUNDRED) == Decimal("9999999999999999989900000000.0000000001")


def test_what_is_closed_later_changes_nothing() -> None:
    fills = opened((C70, "LONG", "1", "1.39"))

    assert risk_amount([*fills, closed((C70, "LONG", "1", "9.00"))], HUNDRED) == Decimal("139.00")


legs = st.lists(
    st.tuples(
        st.sampled_from([C70, C75, P65, P70]), st.sampled_from(["LONG", "SHORT"]),
        st.integers(1, 9).map(str), st.decimals("0.01", "9", places=2).map(str),
    ),
    min_size=1, max_size=4, unique_by=lambda leg: leg[0],
)  # fmt: skip


@given(legs, st.integers(1, 20))
def test_risk_grows_with_size_and_is_never_negative(found: list[Moved], times: int) -> None:
    larger = [(name, side, str(int(quantity) * times), price) for name, side, quantity, price in found]

    risk = risk_amount(opened(*found), HUNDRED)

    assert risk >= 0
    assert risk_amount(opened(*larger), HUNDRED) == risk * times
