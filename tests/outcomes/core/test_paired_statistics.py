"""How sure one may be about a difference."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from outcomes.core.statistics import (
    BURN_IN,
    EXACT_RANKS,
    MOST_PAIRS,
    Differences,
    RankSums,
    Verdict,
    chi_square_of_split,
    confidence_sequence,
    half_width,
    judge,
    pairs_still_needed,
    role_balanced,
    sign_test,
    signed_rank_test,
    why_no_number,
)
from tests.golden import GOLDEN_FOLDER

GOLDEN: dict[str, Any] = json.loads((GOLDEN_FOLDER / "statistics.json").read_text())


def rank_sums(values: list[int]) -> RankSums:
    """Rank magnitudes by counting, the slow and plain way."""
    nonzero = [value for value in values if value]
    magnitudes = [abs(value) for value in nonzero]
    doubled = [
        2 * sum(other < own for other in magnitudes) + sum(other == own for other in magnitudes) + 1
        for own in magnitudes
    ]
    tie_term = sum(magnitudes.count(own) ** 2 - 1 for own in magnitudes)
    positive = sum(rank for rank, value in zip(doubled, nonzero, strict=True) if value > 0)
    return RankSums(len(nonzero), positive, tie_term, doubled if len(nonzero) <= EXACT_RANKS else ())


def differences_of(values: list[float]) -> Differences:
    return Differences(len(values), fmean(values), stdev(values))


@pytest.mark.parametrize("n", GOLDEN["confidence_sequence"]["multiplier_of_standard_error"])
def test_the_confidence_sequence_has_its_published_width(n: str) -> None:
    golden = GOLDEN["confidence_sequence"]

    width = half_width(int(n), 1.0, alpha=golden["alpha"], tightest_at=golden["tightest_at"])

    assert width * math.sqrt(int(n)) == pytest.approx(golden["multiplier_of_standard_error"][n], rel=1e-8)


def test_before_the_burn_in_nothing_is_said_however_large_the_difference() -> None:
    early = Differences(BURN_IN - 1, 1000.0, 1.0)

    assert confidence_sequence(early) is None
    assert judge(early).name == "INCONCLUSIVE"
    assert judge(early).reason == "burn-in: 99 of 100 pairs"
    assert pairs_still_needed(early) == 1


def test_with_the_last_pair_of_the_burn_in_a_verdict_may_fall() -> None:
    assert judge(Differences(BURN_IN, 1000.0, 1.0)).name == "A_BETTER"


def test_without_spread_there_is_no_verdict() -> None:
    assert judge(Differences(150, 5.0, 0.0)) == Verdict("INCONCLUSIVE", "all differences are the same")


@pytest.mark.parametrize(
    ("mean", "name", "reason"),
    [
        (0.5, "A_BETTER", "the confidence sequence lies above zero"),
        (-0.5, "B_BETTER", "the confidence sequence lies below zero"),
        (0.1, "INCONCLUSIVE", "the confidence sequence includes zero"),
    ],
)
def test_a_verdict_falls_when_zero_lies_outside_the_sequence(mean: float, name: str, reason: str) -> None:
    differences = Differences(200, mean, 1.0)

    assert judge(differences) == Verdict(name, reason)
    assert (pairs_still_needed(differences) == 0) == (name != "INCONCLUSIVE")


def test_the_pairs_still_needed_are_the_fewest_that_bring_a_verdict() -> None:
    missing = pairs_still_needed(Differences(150, 0.1, 1.0))
    assert missing is not None

    assert judge(Differences(150 + missing, 0.1, 1.0)).name == "A_BETTER"
    assert judge(Differences(150 + missing - 1, 0.1, 1.0)).name == "INCONCLUSIVE"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sequence_that_ends_at_zero_includes_it(sign: int) -> None:
    reach = half_width(5000, 1.0)

    assert judge(Differences(5000, sign * reach, 1.0)).name == "INCONCLUSIVE"
    assert repr(pairs_still_needed(Differences(4000, sign * reach, 1.0))) == "1001"


@pytest.mark.parametrize(
    ("differences", "reason"),
    [
        (Differences(150, half_width(MOST_PAIRS, 1.0), 1.0), "the mean difference is too close to zero"),
        (Differences(0, None, None), "no pairs"),
        (Differences(1, 5.0, None), "only one pair"),
        (Differences(150, 5.0, 0.0), "all differences are the same"),
        (Differences(150, 0.0, 1.0), "the mean difference is too close to zero"),
    ],
)
def test_an_untold_number_of_pairs_has_its_reason(differences: Differences, reason: str) -> None:
    assert pairs_still_needed(differences) is None
    assert why_no_number(differences) == reason
    assert judge(differences).name == "INCONCLUSIVE"


def test_reading_the_sequence_at_every_pair_seldom_calls_a_false_winner() -> None:
    # 90 % win 0.5, 10 % lose 4.5: the shape of premium selling, mean 0; streams from a fixed generator.
    false_winners = 0
    state = 12345
    for _ in range(200):
        n, total, squares, called = 0, 0.0, 0.0, False
        for _ in range(400):
            state = (1103515245 * state + 12345) % 2**31
            value = 0.5 if (state >> 8) % 10 else -4.5
            n, total, squares = n + 1, total + value, squares + value * value
            if n >= BURN_IN and not called:
                sd = math.sqrt((squares - total * total / n) / (n - 1))
                called = judge(Differences(n, total / n, sd)).name != "INCONCLUSIVE"
        false_winners += called

    assert false_winners <= 24


@pytest.mark.parametrize("case", GOLDEN["sign_test"])
def test_the_sign_test_gives_known_answers(case: dict[str, Any]) -> None:
    assert sign_test(case["first"], case["second"]) == pytest.approx(case["p"], rel=1e-6)


def test_the_sign_test_without_a_decided_pair_is_undefined() -> None:
    assert sign_test(0, 0) is None


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_the_sign_test_is_the_exact_binomial_one(first: int, second: int) -> None:
    # Each binomial coefficient from the one before: computing thousands anew takes seconds.
    n, tail, ways = first + second, 0, 1
    for k in range(min(first, second) + 1):
        tail, ways = tail + ways, ways * (n - k) // (k + 1)
    expected = min(Fraction(1), Fraction(2 * tail, 2**n))

    p = sign_test(first, second)

    assert p == (None if n == 0 else pytest.approx(float(expected), rel=1e-9, abs=1e-300))


def test_halves_that_differ_by_one_are_no_less_likely_than_certain() -> None:
    assert [p for wins in range(400) if (p := sign_test(wins, wins + 1)) is None or p > 1] == []


def test_the_signed_rank_test_gives_the_known_answer() -> None:
    golden = GOLDEN["signed_rank"]

    test = signed_rank_test(rank_sums(golden["d"]))

    assert test is not None
    assert test.statistic == golden["statistic"]
    assert test.p == golden["p"]


def test_the_signed_rank_test_of_zeros_only_is_undefined() -> None:
    assert signed_rank_test(rank_sums([0, 0])) is None


@given(st.lists(st.integers(-1000, 1000).filter(bool), min_size=1, max_size=EXACT_RANKS, unique_by=abs))
def test_few_differences_have_the_exact_p_value(values: list[int]) -> None:
    expected = stats.wilcoxon(values, method="exact")

    test = signed_rank_test(rank_sums(values))

    assert test is not None
    assert float(test.statistic) == expected.statistic
    assert test.p == pytest.approx(expected.pvalue, rel=1e-12)


def test_the_largest_number_with_an_exact_p_value_still_has_it() -> None:
    tested = signed_rank_test(rank_sums([-1, *range(2, EXACT_RANKS + 1)]))

    # Of all patterns of signs, two have a smaller rank sum of at most 1, and as many the mirror image.
    assert tested is not None
    assert tested.p == 4 / 2**EXACT_RANKS


@given(st.lists(st.integers(-30, 30).filter(bool), min_size=EXACT_RANKS + 1, max_size=120))
def test_many_differences_have_the_normal_p_value_corrected_for_ties(values: list[int]) -> None:
    expected = stats.wilcoxon(values, method="asymptotic", correction=False)

    test = signed_rank_test(rank_sums(values))

    assert test is not None
    assert test.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_shared_ranks_keep_the_exact_p_value_of_all_sign_patterns() -> None:
    # Ranks 1.5, 1.5, 3: sums of the eight patterns are 0, 1.5, 1.5, 3, 3, 4.5, 4.5, 6.
    test = signed_rank_test(rank_sums([-2, 2, 5]))

    assert test is not None
    assert test.statistic == Fraction(3, 2)
    assert test.p == 2 * 3 / 8


def test_the_role_balanced_estimate_gives_the_known_answer() -> None:
    golden = GOLDEN["role_balanced"]
    by_role = {
        engine: differences_of(
            [d for d, real in zip(golden["d"], golden["real_engine"], strict=True) if real == engine]
        )
        for engine in "AB"
    }

    estimate = role_balanced(by_role["A"], by_role["B"])

    assert estimate is not None
    assert by_role["A"].mean == pytest.approx(golden["mean_a_real"])
    assert estimate.engine_effect == pytest.approx(golden["engine_effect"])
    assert estimate.real_execution_effect == pytest.approx(golden["real_execution_effect"])
    assert estimate.standard_error == pytest.approx(golden["standard_error"], rel=1e-6)


def test_slippage_is_not_taken_for_skill() -> None:
    # Equal engines; whichever trades for real loses 0.10. A traded for real nine times of ten.
    estimate = role_balanced(Differences(90, -0.1, 1.0), Differences(10, 0.1, 1.0))

    assert estimate is not None
    assert estimate.engine_effect == pytest.approx(0.0)
    assert estimate.real_execution_effect == pytest.approx(0.1)


def test_with_one_role_only_there_is_no_role_balanced_estimate() -> None:
    assert role_balanced(Differences(50, 0.1, 1.0), Differences(0, None, None)) is None


def test_a_role_with_a_single_pair_leaves_the_error_open() -> None:
    estimate = role_balanced(Differences(50, 0.1, 1.0), Differences(1, 0.3, None))

    assert estimate is not None
    assert estimate.standard_error is None


@pytest.mark.parametrize("case", GOLDEN["split"])
def test_the_split_check_gives_known_answers(case: dict[str, Any]) -> None:
    test = chi_square_of_split(case["a"], case["b"], case["share_of_a"])

    assert test is not None
    assert test[0] == pytest.approx(case["chi_square"], rel=1e-6)
    assert test[1] == pytest.approx(case["p"], rel=1e-5)


def test_five_expected_on_each_side_are_enough_for_the_split_check() -> None:
    assert chi_square_of_split(5, 5, 0.5) == (0.0, 1.0)


@pytest.mark.parametrize(("a", "b", "share"), [(4, 4, 0.5), (0, 100, 0.0), (100, 0, 1.0), (0, 0, 0.5)])
def test_a_split_with_too_few_expected_is_not_judged(a: int, b: int, share: float) -> None:
    assert chi_square_of_split(a, b, share) is None
