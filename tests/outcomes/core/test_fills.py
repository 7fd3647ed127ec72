"""Positions, cash, shares and fees from fills: known answers to the cent, and what must hold for any fills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from outcomes.core.amendments import succession
from outcomes.core.books import (
    Fill,
    LegFill,
    Position,
    Schedule,
    closed_share,
    entry_fees,
    gross_pnl,
    in_force,
    is_flat,
    is_followed,
    positions,
    result_in_force,
    scheduled_fees,
    shadow_quantity,
    until_first_roll,
)

CALL = "TWX   140621C00070000"
OTHER = "TWX   140719C00072500"
HUNDRED = Decimal(100)


def bought(price: str, quantity: str = "1", instrument: str = CALL) -> Fill:
    return Fill("entry", (LegFill(instrument, "OPEN", "LONG", Decimal(quantity), Decimal(price)),))


def sold(price: str, quantity: str = "1", instrument: str = CALL, ref: str = "exit") -> Fill:
    return Fill(ref, (LegFill(instrument, "CLOSE", "LONG", Decimal(quantity), Decimal(price)),))


def test_the_real_exit_price_applied_to_another_contract_would_be_absurd() -> None:
    assert gross_pnl([bought("4.70"), sold("1.99")], HUNDRED) == Decimal("-271.00")


def test_three_exits_of_one_contract_each_are_exact() -> None:
    fills = [bought("1.00", "3"), sold("1.10"), sold("1.15"), sold("1.16")]

    assert gross_pnl(fills, HUNDRED) == Decimal("41.00")
    assert is_flat(positions(fills))


def test_a_short_position_gains_when_it_is_bought_back_for_less() -> None:
    opened = Fill("entry", (LegFill(CALL, "OPEN", "SHORT", Decimal(2), Decimal("1.50")),))
    closed = Fill("exit", (LegFill(CALL, "CLOSE", "SHORT", Decimal(2), Decimal("0.40")),))

    assert gross_pnl([opened, closed], HUNDRED) == Decimal("220.00")


def test_long_and_short_of_one_contract_are_two_positions() -> None:
    short = Fill("leg", (LegFill(CALL, "OPEN", "SHORT", Decimal(1), Decimal("1.50")),))

    found = positions([bought("1.00"), short])

    assert {key: position.open for key, position in found.items()} == {(CALL, "LONG"): 1, (CALL, "SHORT"): 1}


def test_scaling_in_adds_up_and_is_not_flat_until_all_is_closed() -> None:
    fills = [bought("1.00"), bought("1.20"), sold("1.50")]

    assert positions(fills)[CALL, "LONG"].open == 1
    assert not is_flat(positions(fills))
    assert gross_pnl([*fills, sold("1.10")], HUNDRED) == Decimal("40.00")


def test_a_trade_without_a_fill_is_not_flat() -> None:
    assert not is_flat(positions([]))


def test_a_contract_written_in_another_spelling_is_the_same_position() -> None:
    fills = [bought("1.00", instrument="TWX140621C00070000"), sold("1.10", instrument="O:TWX140621C00070000")]

    assert is_flat(positions(fills))


def test_closing_more_than_is_open_is_refused_by_name() -> None:
    with pytest.raises(DomainError) as caught:
        positions([bought("1.00"), sold("1.10", "2")])

    error = caught.value
    assert (error.code, error.pointer) == ("closes_more_than_open", "/legs")
    assert error.detail == f"exit closes 2 LONG of {CALL}; 1 are open."


def test_positions_keep_what_opening_and_closing_moved() -> None:
    fills = [bought("1.00", "2"), bought("1.50", "4"), sold("2.00", "1"), sold("3.00", "2")]

    assert positions(fills)[CALL, "LONG"] == Position(Decimal(6), Decimal(3), Decimal(8), Decimal(8))


def test_a_fill_may_close_in_several_legs_and_never_what_was_not_opened() -> None:
    entry = bought("1.00", "4")
    legs = tuple(LegFill(CALL, "CLOSE", "LONG", Decimal(quantity), Decimal(1)) for quantity in (1, 2))

    assert closed_share([entry], Fill("part", legs)) == (Decimal(3), Decimal(4))
    assert closed_share([entry], sold("1.10", instrument=OTHER)) == (Decimal(0), Decimal(1))


def test_a_shadow_never_closes_more_than_it_holds() -> None:
    assert shadow_quantity(Decimal(2), (Decimal(3), Decimal(2)), is_last=False) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_the_share_is_that_of_the_leg_that_closes_most(order: int) -> None:
    spread = Fill(
        "entry",
        (
            LegFill(CALL, "OPEN", "LONG", Decimal(4), Decimal("1.00")),
            LegFill(OTHER, "OPEN", "SHORT", Decimal(2), Decimal("0.50")),
        ),
    )
    closing = Fill(
        "part",
        (
            LegFill(CALL, "CLOSE", "LONG", Decimal(1), Decimal("1.10")),
            LegFill(OTHER, "CLOSE", "SHORT", Decimal(1), Decimal("0.40")),
        )[::order],
    )

    assert closed_share([spread], closing) == (Decimal(1), Decimal(2))


def test_a_fill_that_opens_closes_no_share() -> None:
    assert closed_share([bought("1.00")], bought("1.10")) == (Decimal(0), Decimal(1))


def test_a_share_is_rounded_half_even_to_eight_decimals_and_the_last_closes_all() -> None:
    assert shadow_quantity(Decimal(1), (Decimal(1), Decimal(3)), is_last=False) == Decimal("0.33333333")
    assert shadow_quantity(Decimal("0.00000001"), (Decimal(1), Decimal(2)), is_last=False) == 0
    assert shadow_quantity(Decimal("0.00000003"), (Decimal(1), Decimal(2)), is_last=False) == Decimal("0.00000002")
    assert shadow_quantity(Decimal("0.66666667"), (Decimal(1), Decimal(3)), is_last=True) == Decimal("0.66666667")


def test_the_pair_ends_at_the_closing_leg_of_a_roll() -> None:
    rolled = Fill(
        "roll",
        (
            LegFill(CALL, "CLOSE", "LONG", Decimal(1), Decimal("1.50")),
            LegFill(OTHER, "OPEN", "LONG", Decimal(1), Decimal("0.90")),
        ),
    )
    fills = [bought("1.00"), rolled, sold("1.20", instrument=OTHER)]

    paired = until_first_roll(fills)

    assert [leg.instrument for fill in paired for leg in fill.legs] == [CALL, CALL]
    assert gross_pnl(paired, HUNDRED) == Decimal("50.00")
    assert gross_pnl(fills, HUNDRED) == Decimal("80.00")


def test_what_is_opened_after_the_first_close_is_no_part_of_the_pair() -> None:
    fills = [bought("1.00"), sold("1.50"), bought("0.90", instrument=OTHER)]

    assert until_first_roll(fills) == tuple(fills[:2])


def test_legging_in_and_scaling_in_before_any_close_belong_to_the_pair() -> None:
    fills = [bought("1.00"), bought("0.90", instrument=OTHER), sold("1.50"), sold("1.00", instrument=OTHER)]

    assert until_first_roll(fills) == tuple(fills)


def test_what_a_contract_becomes_takes_its_place_on_each_side_at_no_price() -> None:
    held = {(CALL, "LONG"): Decimal(2), (OTHER, "LONG"): Decimal(1), (CALL, "SHORT"): Decimal(3)}

    found = succession("split", held, instrument=CALL, becomes="TWX1  140621C00035000", ratio=Decimal("1.5"))

    assert found.legs == (
        LegFill(CALL, "CLOSE", "LONG", Decimal(2), Decimal(0)),
        LegFill("TWX1  140621C00035000", "OPEN", "LONG", Decimal(3), Decimal(0)),
        LegFill(CALL, "CLOSE", "SHORT", Decimal(3), Decimal(0)),
        LegFill("TWX1  140621C00035000", "OPEN", "SHORT", Decimal("4.5"), Decimal(0)),
    )
    assert (found.ref, found.is_succession, found.opens, found.closes) == ("split", True, False, False)


def test_a_contract_that_is_not_held_becomes_nothing() -> None:
    with pytest.raises(DomainError) as caught:
        succession("split", {(OTHER, "LONG"): Decimal(1)}, instrument=CALL, becomes=OTHER, ratio=Decimal(2))

    assert (caught.value.code, caught.value.pointer) == ("unknown_leg", "/values/successor/instrument")
    assert caught.value.detail == f"The trade has no open leg {CALL}."


@pytest.mark.parametrize(
    ("fills", "is_still"),
    [
        ([bought("1.00", "4"), sold("1.10", "1", ref="part"), sold("1.20", "3")], True),
        ([bought("1.00", "8"), sold("1.10", "2", ref="part"), sold("1.20", "3", ref="other")], True),
        ([bought("1.00", "4"), sold("1.10", "2", ref="part")], False),
        ([bought("1.00", "4"), sold("1.10", "1", ref="other")], False),
        ([bought("1.00", "3"), sold("1.10", "1", ref="part")], False),
    ],
)
def test_a_directive_is_followed_while_its_fill_closes_a_quarter(fills: list[Fill], *, is_still: bool) -> None:
    assert is_followed(fills, {"part": (Decimal(1), Decimal(4))}) is is_still
    assert is_followed(fills, {})


def test_the_schedule_charges_contracts_and_orders_and_never_shares() -> None:
    fills = [bought("1.00", "3"), sold("1.10", "3"), bought("30", "100", "TWX")]

    assert scheduled_fees(fills, Decimal(100), Schedule(Decimal("0.65"), Decimal(1))) == Decimal("6.90")


def test_figures_of_more_than_28_digits_are_exact() -> None:
    quantity, price = "99999999999999.99999999", "999999999999.99999999"
    fills = [bought(price, quantity), sold("0.00000001", quantity)]

    assert positions(fills)[CALL, "LONG"].opening_value == Decimal("99999999999999999998990000.0000000000000001")
    assert gross_pnl(fills, Decimal("0.01")) == Decimal("-999999999999999999979900.000000000000000002")
    assert scheduled_fees(fills, Decimal(100), Schedule(Decimal("0.65000001"), Decimal("0.5"))) == Decimal(
        "130000002000000.9999999869999998"
    )


@pytest.mark.parametrize(
    ("held", "ratio", "becomes"),
    [("33333333333333.33333333", "3", "99999999999999.99999999"), ("0.1", "0.3333333", "0.03333333")],
)
def test_a_split_is_exact(held: str, ratio: str, becomes: str) -> None:
    found = succession("s", {(CALL, "LONG"): Decimal(held)}, instrument=CALL, becomes=OTHER, ratio=Decimal(ratio))

    assert found.legs[1].quantity == Decimal(becomes)


@pytest.mark.parametrize(
    ("held", "ratio", "code"),
    [("99999999999999.99999999", "1.00000001", "max_value"), ("0.1", "0.33333333", "max_decimal_places")],
)
def test_a_split_into_what_no_fill_could_close_is_refused(held: str, ratio: str, code: str) -> None:
    with pytest.raises(DomainError) as caught:
        succession("s", {(CALL, "LONG"): Decimal(held)}, instrument=CALL, becomes=OTHER, ratio=Decimal(ratio))

    assert caught.value.code == code


def test_no_position_is_larger_than_its_column_holds() -> None:
    most = Fill("entry", (LegFill(CALL, "OPEN", "LONG", Decimal("99999999999999.99999999"), Decimal(1)),))
    more = Fill("f1", (LegFill(CALL, "OPEN", "LONG", Decimal("0.00000001"), Decimal(1)),))

    assert positions([most])[CALL, "LONG"].open == most.legs[0].quantity
    with pytest.raises(DomainError, match="f1 opens more LONG") as caught:
        positions([most, more])
    assert caught.value.code == "max_value"


@dataclass
class Row:
    """A stored fill, with as much as decides whether it counts."""

    fill_ref: str
    number: int
    revision: int
    legs: tuple[str, ...] = ("a leg",)
    fees: Decimal = Decimal(0)


def test_of_each_fill_the_last_revision_counts_unless_it_was_busted() -> None:
    entry, part, rest = Row("z-entry", 1, 2), Row("part", 2, 3), Row("a-rest", 3, 1)
    busted = Row("bust", 4, 2, ())
    before = [Row("part", 2, 1), Row("z-entry", 1, 1, ()), Row("part", 2, 2), Row("bust", 4, 1)]

    assert in_force([rest, busted, part, *before, entry]) == [entry, part, rest]
    assert in_force([*before, rest, entry, part, busted]) == [entry, part, rest]


def test_the_fees_of_an_entry_are_those_booked_last_and_before_there_is_a_fill_those_told() -> None:
    first, corrected = Row("entry", 1, 1, fees=Decimal("0.65")), Row("entry", 1, 2, fees=Decimal("1.30"))
    half = Row("half", 2, 1, fees=Decimal("9.99"))

    assert entry_fees([half, corrected, first], Decimal("0.00")) == Decimal("1.30")
    assert entry_fees([], Decimal("0.00")) == Decimal("0.00")


def test_shares_are_compared_beyond_28_digits() -> None:
    # Of m and m - 1 all but one step: the first is larger by one part in 10^44.
    entry = Fill(
        "entry",
        (*bought("1.00", "99999999999999.99999998", OTHER).legs, *bought("1.00", "99999999999999.99999999").legs),
    )
    closing = Fill(
        "part", (*sold("1.10", "99999999999999.99999997", OTHER).legs, *sold("1.10", "99999999999999.99999998").legs)
    )

    assert closed_share([entry], closing) == (Decimal("99999999999999.99999998"), Decimal("99999999999999.99999999"))


def test_a_share_just_above_half_a_step_is_rounded_up() -> None:
    # Half a step and 5 x 10^-22 of one more, which 28 digits would take for half a step.
    share = Decimal(5000000000000), Decimal("9999999999999.99999999")

    assert shadow_quantity(Decimal(10000000000000), share, is_last=False) == Decimal("5000000000000.00000001")


def test_an_execution_is_stored_with_its_figures_as_text_and_comes_back() -> None:
    leg = LegFill(CALL, "OPEN", "SHORT", Decimal("3.00000000"), Decimal("0.50000000"))

    assert leg.document() == {
        "instrument": CALL, "effect": "OPEN", "side": "SHORT", "quantity": "3", "price": "0.50",
    }  # fmt: skip
    assert LegFill.from_document(leg.document()) == leg


@pytest.mark.parametrize(
    ("effect", "side", "line"),
    [
        ("OPEN", "LONG", "Buy to open 3 TWX at 1.50"),
        ("CLOSE", "LONG", "Sell to close 3 TWX at 1.50"),
        ("OPEN", "SHORT", "Sell to open 3 TWX at 1.50"),
        ("CLOSE", "SHORT", "Buy to close 3 TWX at 1.50"),
    ],
)
def test_an_execution_reads_as_traders_say_it(effect: str, side: str, line: str) -> None:
    assert str(LegFill("TWX", effect, side, Decimal("3.000"), Decimal("1.5"))) == line


quantities = st.decimals("0.00000001", "1000000", places=8)
prices = st.decimals("0", "100000", places=8)
openings = st.lists(st.tuples(quantities, prices), min_size=1, max_size=6)


@given(openings, prices, st.randoms(use_true_random=False))
def test_pnl_is_the_exact_sum_whatever_the_order_of_entries(
    entries: list[tuple[Decimal, Decimal]], exit_price: Decimal, shuffler: object
) -> None:
    fills = [bought(str(price), str(quantity)) for quantity, price in entries]
    closing = sold(str(exit_price), str(sum(quantity for quantity, _ in entries)))

    found = gross_pnl([*fills, closing], HUNDRED)

    exact = sum(Fraction(quantity) * (Fraction(exit_price) - Fraction(price)) for quantity, price in entries) * 100
    assert Fraction(found) == exact
    assert gross_pnl([*reversed(fills), closing], HUNDRED) == found


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), quantities)
def test_a_shadow_that_follows_every_share_ends_flat_and_never_short(parts: list[int], shadow: Decimal) -> None:
    fills = [bought("1.00", str(sum(parts)))]
    left = shadow

    for number, part in enumerate(parts, start=1):
        closing = sold("1.10", str(part))
        quantity = shadow_quantity(left, closed_share(fills, closing), is_last=number == len(parts))
        assert 0 <= quantity <= left
        left -= quantity
        fills.append(closing)

    assert left == 0


@pytest.mark.parametrize(("multiplier", "charged"), [("10", "0.65"), ("100", "0.65"), ("133", "1.30"), ("10000", "65")])
def test_a_hundred_contracts_called_one_pay_for_a_hundred(multiplier: str, charged: str) -> None:
    fills = [Fill("entry", (LegFill("XYZ   261218C00100000", "OPEN", "LONG", Decimal(1), Decimal(2)),))]

    assert scheduled_fees(fills, Decimal(multiplier), Schedule(Decimal("0.65"), Decimal(0))) == Decimal(charged)


def result(revision: int, *, withdrawn: bool = False) -> SimpleNamespace:
    return SimpleNamespace(revision=revision, withdrawn=withdrawn)


def test_the_last_revision_of_a_result_counts_in_whatever_order_they_are_read() -> None:
    first, second = result(1), result(2)

    assert result_in_force([first, second]) is result_in_force([second, first]) is second


def test_a_result_that_was_withdrawn_is_none_until_the_next() -> None:
    first, busted, again = result(1), result(2, withdrawn=True), result(3)

    assert result_in_force([]) is None
    assert result_in_force([first, busted]) is None
    assert result_in_force([busted, again, first]) is again
