"""Signals become blocks of New York dates, and blocks are judged while not too much is missing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.evidence import A_BETTER, ASSUMPTION_BROKEN, INCONCLUSIVE, RUNNING, Block, Wager, judge
from outcomes.core.judging import (
    BEYOND_L,
    DEPENDENT_BLOCKS,
    MISSING_PRICES,
    Cut,
    JudgedBlock,
    Taking,
    blocks_of,
    judge_blocks,
)
from outcomes.core.values import MISSING, VALUED, Difference, Side

MONDAY = date(2026, 3, 16)
BY_DAY = Cut(MONDAY, 1, "R")
FLAT = Side("DECLINED")


def made(r: str, risk: str = "100") -> Side:
    """A side that made so many R of its risk."""
    return Side(VALUED, Decimal(r) * Decimal(risk), Decimal(risk))


def missing(risk: str = "100") -> Side:
    return Side(MISSING, None, Decimal(risk))


def taking(day: int, a: Side, b: Side = FLAT, weight: float = 1.0) -> Taking:
    return Taking(MONDAY + timedelta(days=day), weight, a, b)


def block(x: float, *, opened: int = 20, missing: int = 0) -> JudgedBlock:
    """A block by its sum, with what B opened and left unpriced."""
    return JudgedBlock(MONDAY, MONDAY, 4, 4, Block(x, x, 1.0), (0, opened), (0, missing))


def test_each_day_is_a_block_and_days_without_signals_are_none() -> None:
    found = blocks_of([taking(0, made("1")), taking(0, made("2"), made("1")), taking(3, made("-1"))], BY_DAY)

    assert [(one.first_day, one.last_day, one.n) for one in found] == [
        (MONDAY, MONDAY, 2),
        (MONDAY + timedelta(days=3), MONDAY + timedelta(days=3), 1),
    ]
    assert [one.block.low for one in found] == [pytest.approx(2 / 2**0.5), -1]


def test_longer_blocks_are_counted_from_the_first_day() -> None:
    cut = Cut(MONDAY, 7, "R")

    found = blocks_of([taking(-1, made("9")), taking(6, made("1")), taking(7, made("2")), taking(27, made("3"))], cut)

    assert [(one.first_day - MONDAY).days for one in found] == [0, 7, 21]
    assert [(one.last_day - MONDAY).days for one in found] == [6, 13, 27]
    assert [one.block.low for one in found] == [1, 2, 3]


def test_only_the_first_signals_of_a_block_take_part() -> None:
    cut = Cut(MONDAY, 1, "R", max_signals=2)

    (found,) = blocks_of([taking(0, made(r)) for r in ("1", "2", "9")], cut)

    assert (found.n, found.arrived) == (2, 2)
    assert found.block.low == pytest.approx(3 / 2**0.5)


def test_signals_that_arrive_out_of_the_order_of_their_days_reach_their_blocks() -> None:
    found = blocks_of([taking(1, made("2")), taking(0, made("1")), taking(1, made("4"))], BY_DAY)

    assert [one.n for one in found] == [1, 2]
    assert found[1].block.low == pytest.approx(6 / 2**0.5)


def test_a_block_keeps_the_difference_of_each_signal_in_the_order_of_arrival() -> None:
    (found,) = blocks_of([taking(0, made("2"), made("0.5")), taking(0, FLAT, made("3"), weight=5.0)], BY_DAY)

    assert found.differences == (Difference(Decimal("1.5"), Decimal("1.5")), Difference(Decimal(-3), Decimal(-3)))


def test_in_currency_the_sizes_count() -> None:
    cut = Cut(MONDAY, 1, "CURRENCY")

    (found,) = blocks_of([taking(0, made("0.5", risk="1000"), made("0.5"), weight=2.0)], cut)

    assert (found.block.low, found.block.m) == (900, 2)


def test_what_is_missing_is_filled_from_what_its_engine_did_in_earlier_blocks() -> None:
    history = [taking(0, made("4")), taking(0, made("1"), made("2.5"))]

    found = blocks_of([*history, taking(1, missing(), missing()), taking(1, made("9"))], BY_DAY)

    # A lies between -1 and its best of 4 R, B between -1 and 2.5; the 9 R of the same block are not known yet.
    second = found[1].block
    root = 2**0.5
    assert second.low == pytest.approx((-3.5 + 9) / root)
    assert second.high == pytest.approx((5 + 9) / root)


def test_a_trade_without_a_known_risk_takes_the_largest_of_earlier_blocks() -> None:
    cut = Cut(MONDAY, 1, "CURRENCY")

    found = blocks_of([taking(0, made("-1", risk="300")), taking(1, Side(MISSING))], cut)

    assert (found[1].block.low, found[1].block.high) == (-300, 300)


def test_what_was_opened_and_is_missing_is_counted_for_each_engine() -> None:
    sides = [
        (made("1"), missing()),
        (FLAT, made("1")),
        (Side("NO_ANSWER"), Side("OVERTAKEN")),
        (Side("NOT_FILLED"), FLAT),
    ]

    (found,) = blocks_of([taking(0, a, b) for a, b in sides], BY_DAY)

    assert (found.opened, found.missing) == ((2, 3), (0, 1))


def test_a_trade_without_risk_has_no_r_and_is_missing() -> None:
    (found,) = blocks_of([taking(0, Side(VALUED, Decimal(5), Decimal(0)))], BY_DAY)

    assert found.missing == (1, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([made("1"), missing(), made("-3"), FLAT])), max_size=20))
def test_what_comes_later_changes_no_earlier_block(signals: list[tuple[int, Side]]) -> None:
    whole = [taking(day, side, FLAT) for day, side in sorted(signals, key=lambda one: one[0])]

    until = blocks_of([one for one in whole if one.day <= MONDAY + timedelta(days=2)], BY_DAY)

    assert blocks_of(whole, BY_DAY)[: len(until)] == until


def test_while_too_much_is_missing_nothing_is_said_and_then_what_was_found() -> None:
    # Fourteen blocks of 3 settle it; every tenth trade of B stays unpriced until block 20 has come.
    bad = [block(3.0, missing=2)] * 20
    good = [block(0.0)] * 25

    silent, spoken = judge_blocks(bad, Wager(5.0)), judge_blocks([*bad, *good], Wager(5.0))

    assert (silent.judgement.verdict, silent.flags[0]) == (RUNNING, MISSING_PRICES)
    assert silent.judgement.e_a > 40
    # 40 of 800 are 5 %, which is not over 5 %.
    assert (spoken.judgement.verdict, spoken.judgement.at_block, spoken.flags) == (A_BETTER, 40, (DEPENDENT_BLOCKS,))


def test_exactly_five_percent_missing_silences_nobody() -> None:
    found = judge_blocks([block(3.0, missing=1)] * 14, Wager(5.0))

    assert (found.judgement.verdict, found.flags) == (A_BETTER, ())


@pytest.mark.parametrize("engine", [0, 1])
def test_either_engine_silences_by_its_own_openings_alone(engine: int) -> None:
    def counts(own: int, other: int) -> tuple[int, int]:
        return (own, other) if engine == 0 else (other, own)

    one = JudgedBlock(MONDAY, MONDAY, 4, 4, Block(3, 3, 1), counts(19, 1_000), counts(1, 0))

    assert judge_blocks([one] * 14, Wager(5.0)).flags == (MISSING_PRICES,)


def test_what_was_found_first_is_said_though_the_other_side_came_later() -> None:
    blocks = [*[Block(3, 3, 1)] * 14, *[Block(-3, -3, 1)] * 40]
    assert judge(blocks, Wager(5.0)).e_b > 40

    assert judge(blocks, Wager(5.0), silenced=range(1, 54)).verdict == A_BETTER


def test_a_promise_that_broke_in_silence_is_said_before_what_came_after_it() -> None:
    found = judge([Block(-200, -200, 1), *[Block(3, 3, 1)] * 4], Wager(5.0), silenced={1, 2, 3, 4})

    assert (found.verdict, found.at_block) == (ASSUMPTION_BROKEN, 5)


def test_the_horizon_is_reached_in_silence_without_a_verdict() -> None:
    found = judge([Block(3, 3, 1)] * 14, Wager(5.0, horizon_blocks=14), silenced=range(1, 15))

    assert (found.verdict, found.at_block) == (INCONCLUSIVE, 14)


def test_blocks_beyond_the_worst_and_blocks_that_depend_on_each_other_are_flagged() -> None:
    assert judge_blocks([block(5.5), block(0.0)], Wager(5.0)).flags == (BEYOND_L,)
    assert judge_blocks([block(1.0)] * 10 + [block(-1.0)] * 10, Wager(5.0)).flags == (DEPENDENT_BLOCKS,)


def test_without_signals_there_are_no_blocks_and_no_flags() -> None:
    found = judge_blocks(blocks_of([], BY_DAY), Wager(5.0))

    assert (found.blocks, found.flags, found.judgement.verdict) == ((), (), RUNNING)
