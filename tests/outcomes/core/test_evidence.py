"""The verdict by betting on blocks: known answers, and what must hold whatever the blocks are."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcomes.core.evidence import STAKES, Bet, Block, Interval, Judgement, Wager, judge
from tests.golden import GOLDEN_FOLDER

GOLDEN: list[dict[str, Any]] = json.loads((GOLDEN_FOLDER / "verdict.json").read_text())["cases"]


def block_of(raw: dict[str, str]) -> Block:
    return Block(float(raw.get("x", raw.get("x_low", ""))), float(raw.get("x", raw.get("x_high", ""))), float(raw["m"]))


def judged(case: dict[str, Any]) -> Judgement:
    horizon = case["horizon_blocks"]
    wager = Wager(
        worst_block=float(case["worst_block"]),
        margin=float(case["margin"]),
        alpha=float(case["alpha"]),
        horizon_blocks=int(horizon) if horizon else None,
    )
    return judge([block_of(raw) for raw in case["blocks"]], wager)


def near(value: float | str | None, tolerance: float = 1e-9) -> Any:
    return None if value is None else pytest.approx(float(value), rel=tolerance)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_known_answers(case: dict[str, Any]) -> None:
    found, expected = judged(case), case["expect"]
    tolerance = 1e-6 if case["name"] == "tiny amounts" else 1e-7

    assert (found.verdict, found.at_block) == (expected["verdict"], expected["at_block"])
    assert found.e_a == near(expected["e_a"])
    assert found.e_b == near(expected["e_b"])
    assert found.interval.lower == near(expected["interval"][0], tolerance)
    assert found.interval.upper == near(expected["interval"][1], tolerance)
    assert found.interval.has_drifted == expected["drift"]
    since = expected["since"]
    assert found.since == (since and (near(since["e_a"]), near(since["e_b"])))
    assert found.is_reversed == expected["reversed"]
    assert list(found.beyond_l) == expected["beyond_l"]
    assert {"a": found.retired_a, "b": found.retired_b} == expected["retired"]


amounts = st.floats(-8, 8, allow_nan=False).map(lambda value: round(value, 6))
blocks = st.lists(st.builds(lambda x, m: Block(x, x, m), amounts, st.floats(0.5, 4)), min_size=1, max_size=25)
FIVE = Wager(worst_block=5.0)
few = settings(max_examples=40, deadline=None)


def same(first: float | None, second: float | None) -> bool:
    return first == second or (
        first is not None and second is not None and math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-9)
    )


@few
@given(blocks)
def test_swapping_the_engines_swaps_everything(found: list[Block]) -> None:
    one = judge(found, FIVE)
    other = judge([Block(-block.high, -block.low, block.m) for block in found], FIVE)

    assert (one.e_a, one.e_b) == (other.e_b, other.e_a)
    assert same(one.interval.lower, None if other.interval.upper is None else -other.interval.upper)
    assert other.verdict == {"A_BETTER": "B_BETTER", "B_BETTER": "A_BETTER"}.get(one.verdict, one.verdict)


@few
@given(blocks, st.sampled_from([0.001, 7.0, 1000.0]))
def test_the_unit_does_not_matter(found: list[Block], times: float) -> None:
    scaled = [Block(block.low * times, block.high * times, block.m) for block in found]

    one, other = judge(found, FIVE), judge(scaled, Wager(worst_block=5.0 * times))

    assert other.e_a == pytest.approx(one.e_a, rel=1e-9)
    assert same(None if one.interval.lower is None else one.interval.lower * times, other.interval.lower)


@few
@given(blocks)
def test_a_block_that_says_nothing_changes_no_evidence(found: list[Block]) -> None:
    quiet = [*found, Block(0.0, 0.0, 1.0)]

    assert judge(quiet, FIVE).e_a == judge(found, FIVE).e_a
    assert judge(quiet, FIVE).e_b == judge(found, FIVE).e_b


@few
@given(blocks, st.floats(0, 3))
def test_a_better_block_for_a_never_lowers_its_evidence_nor_raises_that_of_b(found: list[Block], more: float) -> None:
    better = [*found[:-1], Block(found[-1].low + more, found[-1].high + more, found[-1].m)]

    assert judge(better, FIVE).e_a >= judge(found, FIVE).e_a * (1 - 1e-12)
    assert judge(better, FIVE).e_b <= judge(found, FIVE).e_b * (1 + 1e-12)


@few
@given(blocks, st.floats(0, 3))
def test_what_is_missing_only_ever_costs_evidence(found: list[Block], width: float) -> None:
    wide = [Block(block.low - width, block.high + width, block.m) for block in found]

    assert judge(wide, FIVE).e_a <= judge(found, FIVE).e_a
    assert judge(wide, FIVE).e_b <= judge(found, FIVE).e_b


@few
@given(blocks)
def test_later_blocks_never_change_a_verdict_nor_widen_an_interval(found: list[Block]) -> None:
    before, after = judge(found[:-1] or found, FIVE), judge(found, FIVE)

    assert before.verdict in ("RUNNING", after.verdict)
    assert (
        after.interval.lower is None or before.interval.lower is None or after.interval.lower >= before.interval.lower
    )


def test_without_a_block_nothing_is_said() -> None:
    found = judge([], FIVE)

    assert (found.verdict, found.e_a, found.e_b, found.interval) == ("RUNNING", 1.0, 1.0, Interval(None, None))


def test_all_stakes_of_a_side_retire_at_a_block_far_beyond_the_worst() -> None:
    assert judge([Block(200.0, 200.0, 1.0)], FIVE).retired_b == len(STAKES)


def test_thousands_of_good_blocks_overflow_nothing() -> None:
    bet = Bet(1, worst_block=5.0)

    for _ in range(1500):
        bet.take(Block(4.9, 4.9, 1.0))

    assert bet.wealth() == math.inf
    assert bet.log_wealth() == pytest.approx(1500 * math.log(1 + 0.95 * 4.9 / 5) + math.log(1 / 2))
