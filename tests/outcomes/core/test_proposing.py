"""How long an evaluation would take, played on given blocks: repeatable, and in the right order."""

from __future__ import annotations

from outcomes.core.evidence import Block, Wager
from outcomes.core.proposing import RUNS, Wait, until_better, until_equivalent

BLOCKS = [Block(x, x, 1.0) for x in (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)] * 4


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
