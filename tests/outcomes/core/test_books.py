"""Prices, P&L, fees and risk of a trade: known answers to the cent, and what must hold for any fills."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from kernel.values import decimal_text
from outcomes.core.amendments import succession
from outcomes.core.books import Books, Fill, LegFill, Schedule, keep_books, net_price, ratios_of
from tests.outcomes.core.fills import HUNDRED, Moved, closed, legs_of, opened

C70, C75, P65 = "TWX   140621C00070000", "TWX   140621C00075000", "TWX   140621P00065000"
C35 = "TWX   140621C00035000"
FREE = Schedule(Decimal(0), Decimal(0))


def books(*fills: Fill, schedule: Schedule = FREE) -> Books:
    return keep_books(fills, HUNDRED, schedule)


@pytest.mark.parametrize(
    ("entry", "exit_", "pnl"),
    [
        ("1.39", "1.99", "60.00"),
        ("0.98", "1.31", "33.00"),
        ("0.42", "0.61", "19.00"),
        ("1.63", "1.71", "8.00"),
        ("4.70", "5.00", "30.00"),
        ("1.00", "0", "-100.00"),
    ],
)
def test_the_known_answers_of_real_quotes_are_met_to_the_cent(entry: str, exit_: str, pnl: str) -> None:
    fills = [*opened((C70, "LONG", "1", entry)), closed((C70, "LONG", "1", exit_))]

    free = books(*fills)
    charged = books(*fills, schedule=Schedule(Decimal("0.65"), Decimal(0)))

    assert (free.gross_pnl, free.pnl, free.compared_pnl) == (Decimal(pnl),) * 3
    assert (charged.scheduled_fees, charged.compared_pnl) == (Decimal("1.30"), Decimal(pnl) - Decimal("1.30"))
    assert (free.entry_price, free.exit_price) == (Decimal(entry), Decimal(exit_))
    assert (free.is_flat, free.is_rolled, free.open_quantities()) == (True, False, {})


def test_an_engine_keeps_its_own_fees_and_the_comparison_takes_the_schedule() -> None:
    fills = [*opened((C70, "LONG", "2", "1.00"), fees="3.10"), closed((C70, "LONG", "2", "1.50"), fees="-0.17")]

    kept = books(*fills, schedule=Schedule(Decimal("0.65"), Decimal("0.50")))

    assert (kept.gross_pnl, kept.fees, kept.pnl) == (Decimal("100.00"), Decimal("2.93"), Decimal("97.07"))
    assert (kept.scheduled_fees, kept.compared_pnl) == (Decimal("3.60"), Decimal("96.40"))


def test_three_exits_of_one_contract_each_are_exact_although_their_average_is_not() -> None:
    exits = [closed((C70, "LONG", "1", price)) for price in ("1.10", "1.15", "1.16")]

    kept = books(*opened((C70, "LONG", "3", "1.00")), *exits)

    assert (kept.pnl, kept.compared_pnl) == (Decimal("41.00"), Decimal("41.00"))
    assert kept.exit_price == Decimal("1.136666666667")


def test_what_is_still_open_has_earned_nothing_yet() -> None:
    kept = books(*opened((C70, "LONG", "3", "1.00")), closed((C70, "LONG", "1", "1.10"), fees="0.65"))

    assert not kept.is_flat
    assert (kept.gross_pnl, kept.pnl, kept.compared_pnl) == (None, None, None)
    assert kept.open_quantities() == {(C70, "LONG"): Decimal(2)}
    assert (kept.exit_price, kept.fees, kept.risk_amount) == (Decimal("1.10"), Decimal("0.65"), Decimal("300.00"))


def test_an_entry_alone_has_no_exit_price() -> None:
    assert books(*opened((C70, "LONG", "3", "1.00"))).exit_price is None


def test_books_that_close_more_than_is_open_cannot_be_kept() -> None:
    with pytest.raises(DomainError, match="part closes 2 LONG"):
        books(*opened((C70, "LONG", "1", "1.00")), closed((C70, "LONG", "2", "1.10")))


def test_a_roll_earns_for_its_engine_and_ends_the_comparison() -> None:
    entry = opened((C70, "LONG", "1", "1.00"))
    roll = Fill("roll", legs_of("CLOSE", (C70, "LONG", "1", "1.50")) + legs_of("OPEN", (C75, "LONG", "2", "0.90")))
    schedule = Schedule(Decimal("0.65"), Decimal(1))

    kept = books(*entry, roll, closed((C75, "LONG", "2", "1.20")), schedule=schedule)

    assert kept.is_rolled
    assert (kept.gross_pnl, kept.scheduled_fees) == (Decimal("110.00"), Decimal("6.90"))
    assert kept.compared_pnl == Decimal("50.00") - Decimal("3.30")
    # Of the pair alone, or the prices of two contracts would be mixed.
    assert (kept.entry_price, kept.exit_price, kept.risk_amount) == (Decimal("1.00"), Decimal("1.50"), Decimal(100))


def test_a_split_is_no_trade_and_keeps_what_was_paid() -> None:
    split = succession("split", {(C70, "LONG"): Decimal(2)}, instrument=C70, becomes=C35, ratio=Decimal(2))
    schedule = Schedule(Decimal("0.65"), Decimal(1))

    kept = books(*opened((C70, "LONG", "2", "1.00")), split, closed((C35, "LONG", "4", "0.75")), schedule=schedule)

    assert (kept.gross_pnl, kept.scheduled_fees, kept.compared_pnl) == (Decimal(100), Decimal("5.90"), Decimal("94.10"))
    assert (kept.entry_price, kept.exit_price, kept.risk_amount) == (Decimal("1.00"), Decimal("0.75"), Decimal(200))
    assert (kept.is_flat, kept.is_rolled) == (True, False)


def test_a_roll_that_leaves_another_leg_open_leaves_nothing_to_compare() -> None:
    roll = Fill("roll", legs_of("CLOSE", (C70, "LONG", "1", "2.00")) + legs_of("OPEN", (C75, "LONG", "1", "0.90")))
    rest = closed((P65, "LONG", "1", "0.10"), (C75, "LONG", "1", "1.00"))

    kept = books(*opened((C70, "LONG", "1", "1.00"), (P65, "LONG", "1", "0.50")), roll, rest)

    assert (kept.gross_pnl, kept.compared_pnl) == (Decimal("70.00"), None)


@pytest.mark.parametrize(
    ("legs", "price"),
    [
        ([("X", "LONG", "3", "1.39")], "1.39"),
        ([("X", "SHORT", "2", "5")], "5"),
        # Scaled in: the average, weighted, rounded half-even to twelve decimals.
        ([("X", "LONG", "2", "1.00"), ("X", "LONG", "1", "1.10")], "1.033333333333"),
        ([("X", "LONG", "1", "0.000000000001"), ("X", "LONG", "1", "0")], "0"),
        ([("X", "LONG", "1", "0.000000000003"), ("X", "LONG", "1", "0")], "0.000000000002"),
        # A debit, a credit, and a ratio of one to two.
        ([("LOW", "LONG", "1", "3"), ("HIGH", "SHORT", "1", "1")], "2"),
        ([("LOW", "SHORT", "1", "3"), ("HIGH", "LONG", "1", "1")], "-2"),
        ([("LOW", "LONG", "5", "3"), ("HIGH", "SHORT", "10", "1")], "1"),
        ([("X", "LONG", "1", "3"), ("X", "SHORT", "1", "1")], "2"),
        ([("LOW", "LONG", "3", "1.00"), ("HIGH", "SHORT", "7", "0.10")], "0.766666666667"),
    ],
)
def test_the_price_of_the_whole(legs: list[Moved], price: str) -> None:
    found = net_price(legs_of("OPEN", *legs), ())

    assert found == Decimal(price)
    assert found.as_tuple().exponent == -12


@pytest.mark.parametrize(
    ("legs", "ratios", "price"),
    [
        # For each unit of the trade's quantity, whatever the ratios have in common.
        ([("LOW", "LONG", "2", "2"), ("HIGH", "SHORT", "3", "1")], (2, 3), "1"),
        ([("LOW", "LONG", "10", "2"), ("HIGH", "SHORT", "15", "1")], (2, 3), "1"),
        ([("LOW", "LONG", "2", "2"), ("HIGH", "SHORT", "2", "1")], (2, 2), "2"),
        ([("LOW", "SHORT", "4", "1"), ("HIGH", "LONG", "2", "3"), ("X", "SHORT", "2", "0.25")], (4, 2, 2), "1.5"),
        ([("LOW", "LONG", "3", "1.00"), ("HIGH", "SHORT", "7", "0.10")], (1, 2), "0.766666666667"),
        ([("LOW", "LONG", "4", "1.39")], (2,), "1.39"),
        # A leg that was added later has no ratio.
        ([("LOW", "LONG", "2", "2"), ("HIGH", "SHORT", "2", "1")], (2,), "1"),
    ],
)
def test_the_price_of_the_whole_is_that_of_a_unit_of_the_trade(
    legs: list[Moved], ratios: tuple[int, ...], price: str
) -> None:
    known = tuple(zip([(name, side) for name, side, _, _ in legs], ratios, strict=False))

    assert net_price(legs_of("OPEN", *legs), known) == Decimal(price)


def test_books_price_what_was_opened_and_closed_by_its_ratios() -> None:
    legs = [{"instrument": "TWX140621C00070000", "side": "LONG", "ratio": 2}]
    legs += [{"instrument": C75, "side": "SHORT", "ratio": 3}]
    entry = opened((C70, "LONG", "4", "2.00"), (C75, "SHORT", "6", "1.00"))
    half = closed((C70, "LONG", "2", "2.50"), (C75, "SHORT", "3", "0.50"))

    kept = keep_books([*entry, half, half], HUNDRED, FREE, ratios_of(legs))

    assert (kept.entry_price, kept.exit_price, kept.pnl) == (Decimal(1), Decimal("3.50"), Decimal(500))


def test_a_net_price_keeps_every_digit_of_the_widest_order() -> None:
    widest = "99999999999999.99999999"
    legs = legs_of("OPEN", ("X", "LONG", widest, "123456789012.123456789012"), ("Y", "LONG", widest, "0.000000000001"))

    assert net_price(legs, ()) == Decimal("123456789012.123456789013")


def test_an_average_of_the_largest_order_is_rounded_once() -> None:
    widest = "99999999999999.99999999"
    legs = legs_of("OPEN", ("X", "LONG", widest, "999999999999.000000000003"), ("X", "LONG", widest, "0"))

    # Half a step, and even: 28 digits would have rounded it down before.
    assert net_price(legs, ()) == Decimal("499999999999.500000000002")


@pytest.mark.parametrize("side", ["LONG", "SHORT"])
def test_legs_too_unequal_to_have_a_net_price_are_refused(side: str) -> None:
    fits = legs_of("OPEN", ("X", side, "9999", "999999999999"), ("Y", side, "1", "0"))
    exceeds = legs_of("OPEN", ("X", side, "10000", "1000000000000"), ("Y", side, "1", "0"))

    assert abs(net_price(fits, ())) == Decimal(9998999999990001)
    with pytest.raises(DomainError) as caught:
        net_price(exceeds, ())
    error = caught.value
    assert (error.code, error.pointer) == ("max_value", "/legs")
    assert error.detail == "The legs are too unequal in size to have a net price."


def test_figures_longer_than_28_digits_are_exact() -> None:
    quantity = "99999999999999.99999999"
    fills = [
        *opened((C70, "LONG", quantity, "999999999999.999999999999"), fees="123456789012.000000000001"),
        closed((C70, "LONG", quantity, "0.000000000001"), fees="123456789012.000000000001"),
        Fill("rebate", (), Decimal("-123456789012000.1")),
    ]
    schedule = Schedule(Decimal("0.65000001"), Decimal(0))
    size, price = Fraction(quantity), Fraction("999999999999.999999999998")

    kept = books(*fills, schedule=schedule)

    assert kept.gross_pnl is not None
    assert kept.pnl is not None
    assert kept.compared_pnl is not None
    assert Fraction(kept.gross_pnl) == -size * price * 100
    assert Fraction(kept.pnl) == -size * price * 100 - Fraction(kept.fees)
    assert Fraction(kept.compared_pnl) == -size * price * 100 - 2 * size * Fraction("0.65000001")


def test_fees_of_one_order_with_many_digits_add_up_exactly() -> None:
    fills = [
        *opened((C70, "LONG", "1", "1"), fees="999999999999.999999999999"),
        closed((C70, "LONG", "1", "1"), fees="0.00000000000000000001"),
    ]

    assert books(*fills).fees == Decimal("999999999999.99999999999900000001")


prices = st.decimals("0", "100000", places=8)


@st.composite
def trades(draw: st.DrawFn) -> tuple[list[Fill], list[Fill], bool]:
    """Fills of up to four positions, closed in parts; with their legs turned; and whether all of them were closed."""
    keys = [("X", "LONG"), ("X", "SHORT"), (C70, "LONG"), (C75, "SHORT")]
    chosen = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=4, unique=True))
    fills, left_open = [Fill("entry", ())], False
    for name, side in chosen:
        parts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
        leg = LegFill(name, "OPEN", side, Decimal(sum(parts)), draw(prices))
        fills[0] = replace(fills[0], legs=(*fills[0].legs, leg))
        told = draw(st.integers(0, len(parts)))
        left_open = left_open or told < len(parts)
        for number, part in enumerate(parts[:told], start=1):
            while len(fills) <= number:
                fills.append(Fill(f"part {len(fills)}", (), draw(prices)))
            closing = LegFill(name, "CLOSE", side, Decimal(part), draw(prices))
            fills[number] = replace(fills[number], legs=(*fills[number].legs, closing))
    turned = [replace(fill, legs=tuple(draw(st.permutations(fill.legs)))) for fill in fills]
    return fills, turned, not left_open


@given(trades())
def test_books_are_exact_and_the_order_inside_a_fill_does_not_matter(
    trade: tuple[list[Fill], list[Fill], bool],
) -> None:
    fills, turned, all_closed = trade

    kept = books(*fills)

    assert books(*turned) == kept
    assert kept.is_flat == all_closed == (not kept.open_quantities())
    cash = sum(
        Fraction(leg.quantity) * Fraction(leg.price) * (1 if leg.is_sale else -1) for fill in fills for leg in fill.legs
    )
    fees = sum(Fraction(fill.fees) for fill in fills)
    expected = (cash * 100, cash * 100 - fees, cash * 100) if all_closed else (None, None, None)
    assert (kept.gross_pnl, kept.pnl, kept.compared_pnl) == expected


def test_books_are_remembered_by_all_that_they_follow_from() -> None:
    fills = [*opened((C70, "LONG", "2", "1.00")), closed((C70, "LONG", "1", "1.50"))]

    kept = keep_books(fills, HUNDRED, FREE)

    assert keep_books(tuple(fills), HUNDRED, FREE) is kept
    assert keep_books(fills, Decimal(10), FREE).risk_amount == kept.risk_amount / 10
    assert keep_books(fills, HUNDRED, Schedule(Decimal(1), Decimal(0))).scheduled_fees == 3
    assert keep_books(fills[:1], HUNDRED, FREE).exit_price is None
    assert keep_books([fills[0], replace(fills[1], fees=Decimal(1))], HUNDRED, FREE).fees == 1


@given(st.lists(st.tuples(st.integers(1, 9), prices), min_size=1, max_size=6), st.sampled_from(["LONG", "SHORT"]))
def test_an_average_lies_among_the_prices_it_is_made_of(executions: list[tuple[int, Decimal]], side: str) -> None:
    legs = legs_of("OPEN", *((C70, side, str(quantity), str(price)) for quantity, price in executions))

    average = net_price(legs, ())

    assert min(leg.price for leg in legs) <= average <= max(leg.price for leg in legs)
    value = sum((Fraction(leg.quantity * leg.price) for leg in legs), Fraction(0))
    exact = value / sum(quantity for quantity, _ in executions)
    assert abs(Fraction(average) - exact) <= Fraction(1, 2 * 10**12)


def test_books_do_not_tell_how_many_zeros_a_number_was_written_with() -> None:
    def kept(price: str, quantity: str) -> tuple[str, ...]:
        opening = LegFill("A", "OPEN", "LONG", Decimal(quantity), Decimal(price))
        closing = LegFill("A", "CLOSE", "LONG", Decimal(quantity), Decimal("2.25"))
        fills = [Fill("entry", (opening,), Decimal("0.65")), Fill("exit", (closing,), Decimal("0.65"))]
        books = keep_books(fills, Decimal(100), Schedule(Decimal("0.65"), Decimal(0)))
        assert books.pnl is not None
        assert books.exit_price is not None
        return tuple(map(decimal_text, (books.entry_price, books.exit_price, books.pnl, books.fees)))

    assert kept("1.50", "2.0") == kept("1.5", "2") == ("1.50", "2.25", "148.70", "1.30")
