"""How long an evaluation would take, played on given blocks: repeatable, and in the right order."""

from __future__ import annotations

import pytest

from outcomes.core.evidence import Bet, Block, Wager
from outcomes.core.proposing import MOST_BLOCKS, RUNS, Wait, until_better, until_equivalent

BLOCKS = [Block(x, x, 1.0) for x in (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)] * 4
# Two of unequal ends and weights, and one so bad that it retires stakes where the promise is small.
UNEQUAL = [Block(-2.0, 0.0, 1.0), Block(1.0, 2.0, 2.0), Block(0.5, 0.5, 1.5), Block(-9.0, -8.0, 3.0)]


def test_half_and_four_fifths_of_the_runs_are_counted_with_those_that_had_no_answer() -> None:
    assert Wait.of([3, None, 1, 2, 5]) == Wait(half=3, most=5)
    assert Wait.of([3, None, 1, 2, None]) == Wait(half=3, most=None)
    assert Wait.of([None, None]) == Wait(half=None, most=None)


def test_a_larger_difference_is_found_sooner_and_a_larger_promise_costs_time() -> None:
    large, small = (until_better(BLOCKS, Wager(5.0), difference) for difference in (1.0, 0.5))
    careful = until_better(BLOCKS, Wager(10.0), 1.0)

    assert large.half is not None
    assert small.half is not None
    assert careful.half is not None
    assert large.half < small.half
    assert large.half < careful.half


def test_the_answer_is_the_same_each_time_whatever_the_blocks_own_mean_was() -> None:
    moved = [Block(block.low + 3, block.high + 3, block.m) for block in BLOCKS]

    assert until_better(BLOCKS, Wager(5.0), 1.0) == until_better(moved, Wager(5.0), 1.0)


def test_equivalence_takes_both_bets_and_a_wider_margin_is_shown_sooner() -> None:
    narrow, wide = (until_equivalent(BLOCKS, Wager(5.0, margin)) for margin in (0.5, 1.0))

    assert narrow.half is not None
    assert wide.half is not None
    assert wide.half < narrow.half


def test_each_run_is_told() -> None:
    told: list[int] = []

    until_better(BLOCKS, Wager(5.0), 2.0, progress=told.append)

    assert told == list(range(1, RUNS + 1))

    told.clear()
    until_equivalent(BLOCKS, Wager(5.0, 1.0), progress=told.append)

    assert told == list(range(1, RUNS + 1))


def blocks_won_by(block: Block, wager: Wager, mu: float) -> int:
    """How many such blocks in a row the bet on A takes, told by the bets of a verdict."""
    bet = Bet(wager.worst_block)
    for number in range(1, 100):
        bet.take(block)
        if bet.wealth(mu) >= wager.needed:
            return number
    raise AssertionError("no verdict within a hundred blocks")


def test_blocks_of_one_kind_take_as_many_as_the_bets_of_a_verdict_do() -> None:
    # given the middle of the only block, 1.5, is moved to the difference asked about: 1 x a weight of 2
    better = until_better([Block(0.0, 3.0, 2.0)], Wager(5.0), 1.0)
    equivalent = until_equivalent([Block(0.0, 3.0, 2.0)], Wager(8.0, 1.5), progress=lambda _: None)

    number = blocks_won_by(Block(2.0, 2.0, 2.0), Wager(5.0), 0.0)
    assert better == Wait(number, number)
    number = blocks_won_by(Block(0.0, 0.0, 2.0), Wager(8.0, 1.5), -1.5)
    assert equivalent == Wait(number, number)


@pytest.mark.parametrize(
    ("worst_block", "difference", "wait"),
    [(9.0, 0.5, Wait(89, 159)), (9.0, 1.0, Wait(29, 40)), (3.0, 1.0, Wait(20, 36)), (2.0, 1.0, Wait(21, 36))],
)
def test_the_draws_are_those_of_any_machine(worst_block: float, difference: float, wait: Wait) -> None:
    assert until_better(UNEQUAL, Wager(worst_block), difference) == wait


def test_equivalence_is_drawn_alike_on_any_machine() -> None:
    assert until_equivalent(UNEQUAL, Wager(9.0, 1.0)) == Wait(40, 52)
    assert until_equivalent(BLOCKS, Wager(5.0, 0.5)) == Wait(67, 85)


def test_the_last_block_that_anybody_waits_for_may_bring_the_answer_and_none_after_it() -> None:
    assert until_better([Block(0.0, 0.0, 1.0)], Wager(5.0), 0.015_155) == Wait(MOST_BLOCKS, MOST_BLOCKS)
    assert until_better([Block(0.0, 0.0, 1.0)], Wager(5.0), 0.015_145) == Wait(None, None)
