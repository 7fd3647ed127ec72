"""Signals become blocks: weights of roles, sums in any order, and blocks that foretell each other."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.blocks import Weighed, are_dependent, block_of, lag_correlation, role_weight
from outcomes.core.evidence import Block, Wager, judge
from outcomes.core.values import Difference


def weighed(low: str, high: str | None = None, weight: float = 1.0) -> Weighed:
    return Weighed(Difference(Decimal(low), Decimal(high or low)), weight)


def summed(found: list[Weighed]) -> Block:
    """The block of signals that all took part."""
    return block_of(found, len(found))


def blocks_of(*values: float) -> list[Block]:
    return [Block(value, value, 1.0) for value in values]


amounts = st.decimals(-8, 8, places=6)
signals = st.builds(
    lambda low, width, weight: Weighed(Difference(low, low + width), weight),
    amounts,
    st.sampled_from([Decimal(0), Decimal(0), Decimal(2)]),
    st.sampled_from([role_weight(0.3), role_weight(0.7)]),
)
block_signals = st.lists(signals, min_size=1, max_size=12)


def test_a_block_is_the_weighed_sum_over_the_root_of_its_number() -> None:
    found = summed([weighed("1", weight=2.0), weighed("-0.5"), weighed("0", "3"), weighed("0.25", weight=4.0)])

    assert (found.low, found.high, found.m) == (1.25, 2.75, 4.0)


def test_a_role_that_comes_half_of_the_time_weighs_one_and_a_rarer_one_more() -> None:
    assert [role_weight(chance) for chance in (0.5, 0.8, 0.1)] == [1.0, 0.625, 5.0]


@pytest.mark.parametrize("split", [0.5, 0.7, 0.9])
def test_what_it_costs_to_be_real_cancels_between_the_roles(split: float) -> None:
    # Of a hundred signals A was real in the split's share, and whoever is real pays 0.1.
    real = round(100 * split)
    costs = [weighed("-0.1", weight=role_weight(split))] * real + [weighed("0.1", weight=role_weight(1 - split))] * (
        100 - real
    )

    assert summed(costs).low == pytest.approx(0, abs=1e-12)


@given(block_signals, st.randoms(use_true_random=False))
def test_the_order_inside_a_block_does_not_matter(found: list[Weighed], chance: object) -> None:
    mixed = list(found)
    chance.shuffle(mixed)  # type: ignore[attr-defined]

    assert summed(mixed) == summed(found)


@given(st.lists(block_signals, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_inside_blocks_changes_no_verdict(found: list[list[Weighed]], chance: object) -> None:
    mixed = [list(block) for block in found]
    for block in mixed:
        chance.shuffle(block)  # type: ignore[attr-defined]

    one, other = ([summed(block) for block in order] for order in (found, mixed))

    assert judge(one, Wager(9.0, margin=0.5)) == judge(other, Wager(9.0, margin=0.5))


@given(block_signals)
def test_swapping_the_engines_swaps_the_block(found: list[Weighed]) -> None:
    swapped = [Weighed(Difference(-signal.difference.high, -signal.difference.low), signal.weight) for signal in found]

    assert summed(swapped) == summed(found).swapped


def test_a_signal_that_took_part_without_a_difference_makes_a_block_say_less() -> None:
    # A decision not to trade is worth 0 and counted, so refusing everything moves nothing.
    assert summed([weighed("1")]).low == 1
    assert summed([weighed("1")] + [weighed("0")] * 3).low == 0.5


def test_what_a_halt_left_out_divides_all_the_same_so_that_stopping_ahead_gains_nothing() -> None:
    # A wins or loses 1 on either of two signals; whoever halts after a first win must not make it weigh more.
    stopped = [[1.0], [-1.0, 1.0], [-1.0, -1.0]]
    chances = [0.5, 0.25, 0.25]

    def mean(arrived: int | None) -> float:
        sums = (block_of([weighed(str(d)) for d in one], arrived or len(one)).low for one in stopped)
        return sum(chance * x for chance, x in zip(chances, sums, strict=True))

    assert mean(arrived=2) == pytest.approx(0)
    assert mean(arrived=None) > 0.1  # the control: over the root of those that took part it pays


def test_correlation_with_the_next_block_is_the_textbooks() -> None:
    values = [0.3, -1.2, 0.8, 1.1, -0.4, 0.9, 2.0, -0.7]
    mean = sum(values) / 8

    found = lag_correlation(blocks_of(*values))

    expected = sum((a - mean) * (b - mean) for a, b in pairwise(values)) / sum((value - mean) ** 2 for value in values)
    assert found == pytest.approx(expected)


def test_a_block_with_a_missing_side_counts_in_the_middle() -> None:
    wide = [Block(value - 1, value + 1, 1.0) for value in (1.0, 2.0, 3.0, 1.5)]

    assert lag_correlation(wide) == lag_correlation(blocks_of(1.0, 2.0, 3.0, 1.5))


@pytest.mark.parametrize("found", [blocks_of(), blocks_of(1, 2), blocks_of(1, 1, 1, 1), blocks_of(*[0.1] * 40)])
def test_without_spread_or_three_blocks_nothing_is_said(found: list[Block]) -> None:
    assert lag_correlation(found) is None
    assert not are_dependent(found)


def test_blocks_are_called_dependent_beyond_two_standard_errors() -> None:
    # A slow wave foretells the next block; noise drawn independently does not.
    wave = blocks_of(*(math.sin(2 * math.pi * number / 12) for number in range(36)))
    noise = blocks_of(*NormalDist().samples(400, seed=11))

    assert lag_correlation(wave) == pytest.approx(math.cos(2 * math.pi / 12), abs=0.05)
    assert are_dependent(wave)
    assert not are_dependent(noise)


def test_three_blocks_have_a_correlation() -> None:
    assert lag_correlation(blocks_of(2, 1, 0)) == 0
    assert lag_correlation(blocks_of(3, 0, 0)) == pytest.approx(-1 / 6)


@pytest.mark.parametrize(
    ("values", "correlation", "dependent"),
    [
        ([1, 1, 0, -1, -1] + [0] * 11, 0.5, False),  # exactly two standard errors of sixteen blocks
        ([1, 1, 1, 1, -1, -1, -1, -1] * 2, 9 / 16, True),
    ],
)
def test_two_standard_errors_are_the_bound(values: list[float], correlation: float, *, dependent: bool) -> None:
    assert lag_correlation(blocks_of(*values)) == correlation
    assert are_dependent(blocks_of(*values)) is dependent


def test_blocks_that_alternate_are_not_called_dependent() -> None:
    # They hurt nobody: a bet loses on the next block what it gained on this one.
    assert not are_dependent(blocks_of(*([1, -1] * 20)))
