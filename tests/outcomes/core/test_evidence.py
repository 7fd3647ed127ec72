"""The verdict by betting on blocks: known answers, and what must hold whatever the blocks are."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outcomes.core.evidence import STAKES, Bet, Block, Interval, Judgement, Wager, _edge, judge
from tests.golden import GOLDEN_FOLDER

FIVE = Wager(worst_block=5.0)
GOLDEN: list[dict[str, Any]] = json.loads((GOLDEN_FOLDER / "verdict.json").read_text())["cases"]


def block_of(raw: dict[str, str]) -> Block:
    return Block(float(raw.get("x", raw.get("x_low", ""))), float(raw.get("x", raw.get("x_high", ""))), float(raw["m"]))


def near(value: float | str | None, tolerance: float = 1e-9) -> Any:
    return None if value is None else pytest.approx(float(value), rel=tolerance)


def in_the_eyes_of_b(found: Judgement) -> Judgement:
    """The judgement with the names of the engines exchanged."""
    since = found.since
    return replace(
        found,
        verdict={"A_BETTER": "B_BETTER", "B_BETTER": "A_BETTER"}.get(found.verdict, found.verdict),
        e_a=found.e_b,
        e_b=found.e_a,
        interval=Interval(
            None if found.interval.upper is None else -found.interval.upper,
            None if found.interval.lower is None else -found.interval.lower,
        ),
        since=None if since is None else (since[1], since[0]),
        retired_a=found.retired_b,
        retired_b=found.retired_a,
        evidence=tuple((e_b, e_a) for e_a, e_b in found.evidence),
    )


def wager_of(case: dict[str, Any]) -> Wager:
    horizon = case["horizon_blocks"]
    return Wager(
        worst_block=float(case["worst_block"]),
        margin=float(case["margin"]),
        alpha=float(case["alpha"]),
        horizon_blocks=int(horizon) if horizon else None,
    )


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_known_answers(case: dict[str, Any]) -> None:
    found, expected = judge([block_of(raw) for raw in case["blocks"]], wager_of(case)), case["expect"]
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


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_known_answers_hold_with_the_engines_swapped(case: dict[str, Any]) -> None:
    found = [block_of(raw) for raw in case["blocks"]]

    other = judge([Block(-block.high, -block.low, block.m) for block in found], wager_of(case))

    assert other == in_the_eyes_of_b(judge(found, wager_of(case)))


def test_the_evidence_is_told_after_each_block() -> None:
    found = judge([Block(1, 1, 1), Block(-0.5, -0.5, 1), Block(2, 2, 1)], FIVE)

    after_one = judge([Block(1, 1, 1)], FIVE)
    assert len(found.evidence) == 3
    assert found.evidence[0] == (after_one.e_a, after_one.e_b)
    assert found.evidence[-1] == (found.e_a, found.e_b)


@pytest.mark.parametrize(("block", "verdict"), [((0, 0), "A_BETTER"), ((-1, 0), "B_BETTER"), ((-1, 1), "EQUIVALENT")])
def test_evidence_that_just_reaches_what_is_needed_is_enough(block: tuple[float, float], verdict: str) -> None:
    # At alpha 2 a wealth of 1 is needed, with which every bet begins.
    found = judge([Block(*block, 1.0)], Wager(worst_block=5.0, margin=1.0, alpha=2.0))

    assert (found.verdict, found.at_block) == (verdict, 1)


def test_evidence_that_just_reaches_what_is_needed_reverses_a_verdict() -> None:
    assert judge([Block(0, 0, 1)] * 2, Wager(worst_block=5.0, alpha=2.0)).is_reversed


@pytest.mark.parametrize(
    ("x", "interval"), [(1.0, (-0.892401116793985, 2.892401116793985)), (-1.0, (-2.892401116793985, 0.892401116793985))]
)
def test_one_side_of_the_margin_alone_makes_no_equivalence(x: float, interval: tuple[float, float]) -> None:
    # Fourteen blocks refute that one engine is worse by the margin of 1, and not that it is better by it.
    found = judge([Block(x, x, 1.0)] * 14, Wager(worst_block=5.0, margin=1.0))

    assert found.verdict == "RUNNING"
    assert (found.interval.lower, found.interval.upper) == (near(interval[0]), near(interval[1]))


@pytest.mark.parametrize(("x", "beyond"), [(5.0, ()), (-5.0, ()), (5.001, (1,)), (-5.001, (1,))])
def test_a_block_exactly_as_bad_as_the_worst_breaks_no_promise(x: float, beyond: tuple[int, ...]) -> None:
    assert judge([Block(x, x, 1.0)], FIVE).beyond_l == beyond


def test_the_bounds_are_where_the_bets_reach_what_is_needed_as_far_out_as_blocks_could_speak() -> None:
    # Seven blocks of 3 reach from -2 to 8.
    found = judge([Block(3.0, 3.0, 1.0)] * 7, FIVE).interval

    assert (found.lower, found.upper) == (near(-1.4466472178172693), near(7.44664721781727))
    assert judge([Block(3.0, 3.0, 1.0)] * 6, FIVE).interval == Interval(None, None)


@pytest.mark.parametrize(
    ("falls", "root", "most"),
    [
        (lambda mu: 3 - mu, 3.0, 3),
        (lambda mu: 2 - mu**3, 2 ** (1 / 3), 20),
        (lambda mu: math.exp(-mu) - 1e-3, math.log(1000), 24),
        (lambda mu: 1e9 * (1 - mu) if mu > 1 else 1e-9 * (1 - mu), 1.0, 90),  # flat on one side, steep on the other
        (lambda mu: math.copysign(1, 7.3 - mu), 7.3, 28),
    ],
)
def test_a_bound_is_found_to_its_last_digits_in_few_looks(
    falls: Callable[[float], float], root: float, most: int
) -> None:
    looks = []

    def watched(mu: float) -> float:
        looks.append(mu)
        return falls(mu)

    found = _edge(watched, -20.0, 12.0, falls(-20.0))

    assert falls(found) >= 0
    assert found == pytest.approx(root, abs=4e-13)
    assert len(looks) <= most


def test_a_bound_that_a_look_meets_exactly_is_refuted_itself() -> None:
    assert _edge(lambda mu: 3 - mu, -20.0, 12.0, 23.0) == 3.0


amounts = st.floats(-8, 8, allow_nan=False).map(lambda value: round(value, 6))
blocks = st.lists(st.builds(lambda x, m: Block(x, x, m), amounts, st.floats(0.5, 4)), min_size=1, max_size=25)
few = settings(max_examples=40, deadline=None)


def same(first: float | None, second: float | None) -> bool:
    return first == second or (
        first is not None and second is not None and math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-9)
    )


@few
@given(blocks)
def test_swapping_the_engines_swaps_everything(found: list[Block]) -> None:
    other = judge([Block(-block.high, -block.low, block.m) for block in found], FIVE)

    assert other == in_the_eyes_of_b(judge(found, FIVE))


@few
@example([Block(4.0, 4.0, 1.0)] * 8 + [Block(-4.0, -4.0, 1.0)] * 12)
@given(blocks)
def test_by_the_time_an_interval_drifts_one_engine_has_been_found_better(found: list[Block]) -> None:
    judged = judge(found, Wager(worst_block=5.0, alpha=0.5))

    assert not judged.interval.has_drifted or judged.verdict in ("A_BETTER", "B_BETTER")


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
    bet = Bet(worst_block=5.0)

    for _ in range(1500):
        bet.take(Block(4.9, 4.9, 1.0))

    assert bet.wealth() == math.inf
    assert bet.log_wealth() == pytest.approx(1500 * math.log(1 + 0.95 * 4.9 / 5) + math.log(1 / 2))
