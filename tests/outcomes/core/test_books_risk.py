"""The capital at risk that the referee computes from opening fills."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.books import risk_amount
from outcomes.core.quoting import parse_option
from tests.outcomes.core.fills import HUNDRED, Moved, closed, opened

C70, C75, P65, P70, P75 = (
    "TWX   140621C00070000",
    "TWX   140621C00075000",
    "TWX   140621P00065000",
    "TWX   140621P00070000",
    "TWX   140621P00075000",
)
NEXT_C70, NEXT_C75, NEXT_P70 = "TWX   140719C00070000", "TWX   140719C00075000", "TWX   140719P00070000"


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
        # It counts where it is known, also where the strike alone is less.
        ([("TWX   140621C00010000", "SHORT", "1", "50.00"), (C75, "LONG", "1", "0.50")], "1550.00"),
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
        # A short leg that a later long one covers adds nothing: calendars and diagonals risk the premiums paid.
        ([(C75, "SHORT", "1", "1.00"), (NEXT_C75, "LONG", "1", "2.00")], "200.00"),
        ([(C70, "SHORT", "2", "1.00"), (NEXT_C70, "LONG", "3", "2.00")], "600.00"),
        ([(C75, "SHORT", "1", "1.00"), (NEXT_C70, "LONG", "1", "4.00")], "400.00"),
        ([(P65, "SHORT", "1", "0.50"), (NEXT_P70, "LONG", "1", "2.50")], "250.00"),
        ([(P70, "SHORT", "1", "1.00"), (NEXT_P70, "LONG", "1", "2.00")], "200.00"),
        # At a worse strike a long leg bounds the loss only in part, and one that expires first leaves the short alone.
        ([(C70, "SHORT", "1", "2.00"), (NEXT_C75, "LONG", "1", "1.50")], "7150.00"),
        ([(P75, "SHORT", "1", "2.00"), (NEXT_P70, "LONG", "1", "1.50")], "7650.00"),
        ([(NEXT_C75, "SHORT", "1", "2.00"), (C75, "LONG", "1", "1.00")], "7600.00"),
        # A call covers no put, and nothing of another root covers anything.
        ([(P70, "SHORT", "1", "1.00"), (NEXT_C70, "LONG", "1", "2.00")], "7200.00"),
        ([(C70, "LONG", "1", "2.00"), ("TWY   140621C00075000", "SHORT", "1", "0.50")], "7700.00"),
        # Covered calls risk what the shares cost; shares cover no put, nor more calls than there are shares.
        ([("TWX", "LONG", "1", "72"), (C75, "SHORT", "1", "1.00")], "7200.00"),
        ([("TWX", "LONG", "2", "72"), (C75, "SHORT", "1", "1.00")], "14400.00"),
        ([("TWX", "LONG", "1", "72"), (C75, "SHORT", "3", "1.00")], "22200.00"),
        ([("TWX", "LONG", "1", "72"), (P70, "SHORT", "1", "1.00")], "14200.00"),
        ([("TWY", "LONG", "1", "72"), (C75, "SHORT", "1", "1.00")], "14700.00"),
        ([("TWX", "LONG", "1", "72"), (C75, "SHORT", "1", "1.00"), (P65, "LONG", "1", "0.50")], "7250.00"),
        # The highest strike is covered first, by the leg that no other short one could use, and each unit once.
        ([(C70, "SHORT", "1", "3"), (C75, "SHORT", "1", "1"), (NEXT_C70, "LONG", "1", "4")], "7400.00"),
        (
            [
                (C70, "SHORT", "1", "1"),
                (C75, "SHORT", "1", "1"),
                (NEXT_C70, "LONG", "1", "4"),
                (NEXT_C75, "LONG", "1", "2"),
            ],
            "600.00",
        ),
        ([(NEXT_C70, "SHORT", "1", "3"), (C75, "SHORT", "1", "1"), ("TWX", "LONG", "1.5", "72")], "14300.00"),
        # What is bought beside a spread of one expiry costs its premium, and may cover better than the spread does.
        ([(P70, "SHORT", "1", "1.50"), (P65, "LONG", "1", "0.50"), (NEXT_C70, "LONG", "1", "2.00")], "600.00"),
        ([(C70, "SHORT", "1", "2.00"), (C75, "LONG", "1", "0.50"), (NEXT_C70, "LONG", "1", "3.00")], "350.00"),
        # More puts sold than bought lose most where the share is worth nothing; more calls sold lose without bound.
        ([(P70, "LONG", "2", "1.50"), (P65, "SHORT", "4", "1.00")], "11900.00"),
        # What is sold without a long leg of its own is what counts.
        ([(C70, "LONG", "1", "2.00"), (C75, "SHORT", "2", "0.50")], "7700.00"),
        ([("TWX", "SHORT", "100", "70.5")], "705000.00"),
        ([("TWX", "SHORT", "1", "70"), ("TWY", "SHORT", "1", "30")], "10000.00"),
        # A spread beside another short leg is no combination of one expiry.
        ([(P70, "SHORT", "1", "1.50"), (P65, "LONG", "1", "0.50"), ("TWX", "SHORT", "1", "70")], "14050.00"),
        ([(P70, "SHORT", "1", "1.50"), (P65, "LONG", "1", "0.50"), (NEXT_P70, "SHORT", "1", "1.00")], "14050.00"),
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


def test_what_is_bought_in_parts_covers_together() -> None:
    parts = opened((NEXT_C70, "LONG", "1", "4.00")) + opened((NEXT_C70, "LONG", "1", "4.20"))

    assert risk_amount(parts + opened((C75, "SHORT", "2", "1.00")), HUNDRED) == Decimal("820.00")


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


def covers_of(short: str) -> list[str]:
    """Every sampled instrument that covers the short option."""
    own = parse_option(short)
    assert own is not None
    found = [own.root] if own.is_call else []
    for name in SAMPLED:
        option = parse_option(name)
        assert option is not None
        better = option.strike <= own.strike if own.is_call else option.strike >= own.strike
        if (option.is_call, better) == (own.is_call, True) and option.expiry >= own.expiry:
            found.append(name)
    return found


SAMPLED = [C70, C75, P65, P70, P75, NEXT_C70, NEXT_C75, NEXT_P70]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*SAMPLED, "TWX"]), st.sampled_from(["LONG", "SHORT"]),
            st.integers(1, 3).map(str), st.decimals("0.01", "9", places=2).map(str),
        ),
        min_size=1, max_size=4, unique_by=lambda leg: leg[0],
    ),
    st.data(),
)  # fmt: skip
def test_what_covers_never_adds_more_than_its_premium(found: list[Moved], data: st.DataObject) -> None:
    shorts = [name for name, side, _, _ in found if side == "SHORT" and name != "TWX"] or [C70]
    covering = data.draw(st.sampled_from(covers_of(data.draw(st.sampled_from(shorts)))))
    quantity, price = data.draw(st.integers(1, 3)), data.draw(st.decimals("0.01", "9", places=2))

    covered = risk_amount(opened(*found, (covering, "LONG", str(quantity), str(price))), HUNDRED)

    assert covered <= risk_amount(opened(*found), HUNDRED) + quantity * price * HUNDRED
