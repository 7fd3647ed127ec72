"""Evidence about the split and about blocks won: known answers, and that it is a fair bet at every look."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.statistics import SAMPLE_RATIO_ALARM, sample_ratio_evidence, sign_evidence
from tests.golden import GOLDEN_FOLDER

GOLDEN: dict[str, list[dict[str, Any]]] = json.loads((GOLDEN_FOLDER / "verdict.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["sample_ratio"], ids=lambda case: f"{case['k']} of {case['n']}")
def test_known_answers_of_the_sample_ratio(case: dict[str, Any]) -> None:
    assert sample_ratio_evidence(case["k"], case["n"], case["p"]) == pytest.approx(float(case["e"]), rel=1e-10)


@pytest.mark.parametrize("case", GOLDEN["sign"], ids=lambda case: f"{case['k']} of {case['n']}")
def test_known_answers_of_the_sign(case: dict[str, Any]) -> None:
    found = sign_evidence(case["k"], case["n"])

    assert found.either == pytest.approx(float(case["e"]), rel=1e-10)
    assert found.a == pytest.approx(float(case["e_a"]), rel=1e-10)
    assert found.b == pytest.approx(float(case["e_b"]), rel=1e-10)


def test_without_anything_counted_nothing_is_said() -> None:
    assert sample_ratio_evidence(0, 0, 0.3) == 1
    assert sign_evidence(0, 0).either == 1


@given(st.integers(0, 400), st.sampled_from([0.1, 0.3, 0.5, 0.9]))
def test_one_more_assignment_is_a_fair_bet(n: int, split: float) -> None:
    # What the bet holds is what it may expect to hold after the next assignment, if the split is kept.
    k = n // 3

    expected = split * sample_ratio_evidence(k + 1, n + 1, split) + (1 - split) * sample_ratio_evidence(k, n + 1, split)

    assert expected == pytest.approx(sample_ratio_evidence(k, n, split), rel=1e-9)


@given(st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_one_more_block_is_a_fair_bet_and_its_sides_make_up_both(wins: tuple[int, int]) -> None:
    k, n = wins
    now, won, lost = sign_evidence(k, n), sign_evidence(k + 1, n + 1), sign_evidence(k, n + 1)

    assert (won.either + lost.either) / 2 == pytest.approx(now.either)
    assert (now.a + now.b) / 2 == pytest.approx(now.either)
    assert sign_evidence(n - k, n).a == pytest.approx(now.b)


def test_a_split_that_is_kept_raises_no_alarm_and_a_broken_one_does() -> None:
    assert sample_ratio_evidence(7_000, 10_000, 0.7) < 1
    assert sample_ratio_evidence(6_500, 10_000, 0.7) > SAMPLE_RATIO_ALARM


def test_evidence_beyond_a_doubles_reach_is_endless() -> None:
    assert sample_ratio_evidence(100_000, 100_000, 0.5) == math.inf
    assert sign_evidence(2_000, 2_000).a == math.inf
    assert sign_evidence(2_000, 2_000).b == pytest.approx(1 / 2_001)
