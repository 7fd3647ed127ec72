"""How long an evaluation would take, played on given blocks: repeatable, and in the right order."""

from __future__ import annotations

import pytest

from outcomes.core.evidence import STAKES, Bet, Block, Wager
from outcomes.core.proposing import MOST_BLOCKS, RUNS, Wait, blocks_left, until_better, until_equivalent

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


def blocks_of_one_stake(so_far: list[Block], to_come: Block, wager: Wager, mu: float = 0.0) -> int:
    """How many more such blocks the quickest stake takes on its own, played one by one."""
    found = []
    for stake, share in STAKES.items():
        wealth = share
        for block in so_far:
            wealth *= 1 + stake * (block.low - mu * block.m) / wager.worst_block
        number = 0
        while wealth < wager.needed and number < MOST_BLOCKS:
            wealth *= 1 + stake * (to_come.low - mu * to_come.m) / wager.worst_block
            number += 1
        found.append(number)
    return min(found)


@pytest.mark.parametrize("difference", [0.2, 0.5, 1.0])
def test_what_is_left_is_what_the_quickest_stake_still_needs(difference: float) -> None:
    # given blocks of one kind: from the third on each is as large as the difference asked about makes it
    so_far, wager = [Block(0.5, 0.5, 2.0)] * 2, Wager(5.0)

    left = blocks_left(so_far, wager, difference)

    assert left == blocks_of_one_stake(so_far, Block(2 * difference, 2 * difference, 2.0), wager)


def test_a_negative_difference_asks_for_b_as_a_positive_one_does_for_a() -> None:
    swapped = [block.swapped for block in UNEQUAL]

    for difference in (0.5, 1.0):
        assert blocks_left(UNEQUAL, Wager(9.0), -difference) == blocks_left(swapped, Wager(9.0), difference)
    assert blocks_left(UNEQUAL, Wager(9.0), -1.0) != blocks_left(UNEQUAL, Wager(9.0), 1.0)


def test_no_difference_waits_for_the_slower_of_both_bets_on_the_margin() -> None:
    so_far, wager = [Block(0.25, 0.25, 1.0)] * 4, Wager(8.0, 1.5)
    mirrored = [block.swapped for block in so_far]
    none = Block(0.0, 0.0, 1.0)

    left = blocks_left(so_far, wager, 0.0)

    sides = [blocks_of_one_stake(blocks, none, wager, mu=-1.5) for blocks in (so_far, mirrored)]
    assert sides[0] < sides[1]
    assert left == sides[1]
    assert blocks_left(so_far, Wager(8.0), 0.0) is None


def test_nothing_is_left_once_a_stake_has_won_whatever_comes() -> None:
    won = [Block(4.0, 4.0, 1.0)] * 20

    assert blocks_left(won, Wager(5.0), 0.5) == 0


def test_what_is_missing_counts_against_the_engine_that_is_asked_about() -> None:
    known, wide = [Block(1.0, 1.0, 1.0)] * 3, [Block(-1.0, 3.0, 1.0)] * 3

    of_known, of_wide = (blocks_left(blocks, Wager(5.0), 1.0) for blocks in (known, wide))

    assert of_known is not None
    assert of_wide is not None
    assert of_known < of_wide


def test_retired_stakes_win_nothing_and_without_any_there_is_no_wait() -> None:
    # given a block that could ruin the two largest stakes, or all of them
    some, all_of_them = Block(-11.0, -11.0, 1.0), Block(-400.0, -400.0, 1.0)
    good = [Block(2.0, 2.0, 1.0)] * 10

    assert blocks_left([*good, some], Wager(5.0), 1.0) == 233
    assert blocks_left([*good, all_of_them], Wager(5.0), 1.0) is None


def test_a_wait_beyond_reach_is_none() -> None:
    even = [Block(0.0, 0.0, 1.0)]

    assert blocks_left(even, Wager(5.0), 0.0155) == 1491
    assert blocks_left(even, Wager(5.0), 0.0152) is None
