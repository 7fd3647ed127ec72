"""How sure one may be about a difference."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist, mean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from outcomes.core import statistics
from outcomes.core.statistics import EXACT_RANKS, Differences, RankSums, role_balanced, sign_test, signed_rank_test
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
    exact = [Decimal(str(value)) for value in values]
    return Differences.of_sums(len(exact), sum(exact, Decimal(0)), sum((d * d for d in exact), Decimal(0)))


@given(st.lists(st.decimals(-1000, 1000, places=4), min_size=2, max_size=30))
def test_mean_and_spread_follow_from_the_sums(values: list[Decimal]) -> None:
    found = Differences.of_sums(len(values), sum(values, Decimal(0)), sum((d * d for d in values), Decimal(0)))

    assert found.mean is not None
    assert found.sd is not None
    assert float(found.mean) == pytest.approx(float(mean(map(Fraction, values))), rel=1e-12, abs=1e-15)
    assert float(found.sd) == pytest.approx(stdev(map(Fraction, values)), rel=1e-9)
    assert (found.sd == 0) == (len(set(values)) == 1)


def test_without_enough_pairs_mean_and_spread_are_undefined() -> None:
    assert Differences.of_sums(0, Decimal(0), Decimal(0)) == Differences(0, None, None)
    assert Differences.of_sums(1, Decimal(5), Decimal(25)) == Differences(1, Decimal(5), None)


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


@pytest.mark.parametrize(("n", "kept"), [(50, 50), (51, 0)])
def test_ranks_are_kept_for_the_exact_test_up_to_fifty_differences(n: int, kept: int) -> None:
    assert len(statistics.rank_sums(map(Decimal, range(1, n + 1))).doubled_ranks) == kept


@given(st.lists(st.integers(-9, 9), max_size=60))
def test_ranks_are_shared_among_equal_magnitudes(values: list[int]) -> None:
    found, expected = statistics.rank_sums(map(Decimal, values)), rank_sums(values)

    assert (found.n, found.doubled_positive, found.tie_term) == (
        expected.n,
        expected.doubled_positive,
        expected.tie_term,
    )
    assert sorted(found.doubled_ranks) == sorted(expected.doubled_ranks)


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
    assert by_role["A"].mean is not None
    assert estimate.standard_error is not None
    assert float(by_role["A"].mean) == pytest.approx(golden["mean_a_real"])
    assert float(estimate.engine_effect) == pytest.approx(golden["engine_effect"])
    assert float(estimate.real_execution_effect) == pytest.approx(golden["real_execution_effect"])
    assert float(estimate.standard_error) == pytest.approx(golden["standard_error"], rel=1e-6)


def test_slippage_is_not_taken_for_skill() -> None:
    # Equal engines; whichever trades for real loses 0.10. A traded for real nine times of ten.
    estimate = role_balanced(Differences(90, Decimal("-0.1"), Decimal(1)), Differences(10, Decimal("0.1"), Decimal(1)))

    assert estimate is not None
    assert (estimate.engine_effect, estimate.real_execution_effect) == (Decimal(0), Decimal("0.1"))


def test_with_one_role_only_there_is_no_role_balanced_estimate() -> None:
    assert role_balanced(Differences(50, Decimal("0.1"), Decimal(1)), Differences(0, None, None)) is None


def test_a_role_with_a_single_pair_leaves_the_error_open() -> None:
    estimate = role_balanced(Differences(50, Decimal("0.1"), Decimal(1)), Differences(1, Decimal("0.3"), None))

    assert estimate is not None
    assert estimate.standard_error is None
    assert estimate.interval(estimate.engine_effect) is None


def test_the_interval_of_an_effect_reaches_as_far_to_both_sides() -> None:
    estimate = role_balanced(Differences(4, Decimal(1), Decimal(4)), Differences(4, Decimal(3), Decimal(4)))

    assert estimate is not None
    assert estimate.standard_error is not None
    reach = 1.959963984540054 * float(estimate.standard_error)
    bounds = estimate.interval(estimate.engine_effect)
    assert bounds is not None
    assert [float(bound) for bound in bounds] == pytest.approx([2 - reach, 2 + reach])


def test_a_gain_of_less_than_one_is_a_gain() -> None:
    sums = statistics.rank_sums([Decimal("0.5"), Decimal(-2)])

    assert (sums.n, sums.doubled_positive) == (2, 2)


@given(st.lists(st.floats(-100, 100).map(lambda value: round(value, 3)), min_size=2, max_size=20))
def test_the_interval_of_a_mean_is_1_96_standard_errors_to_each_side(values: list[float]) -> None:
    found = differences_of(values)

    assert found.mean is not None
    assert found.interval is not None
    low, high = map(float, found.interval)
    reach = NormalDist().inv_cdf(0.975) * stdev(map(Fraction, map(str, values))) / len(values) ** 0.5
    assert (high + low) / 2 == pytest.approx(float(found.mean), abs=1e-9)
    assert (high - low) / 2 == pytest.approx(reach, rel=1e-9, abs=1e-9)


def test_two_means_apart_have_the_interval_of_independent_samples() -> None:
    real, shadow = differences_of([1, 3]), differences_of([6, 6, 9])

    found = real.ahead_of(shadow)

    # Variances 2 over 2 and 3 over 3: the standard error is the root of 2.
    assert found is not None
    assert found[0] == -5
    assert found[1] is not None
    assert [float(bound) for bound in found[1]] == pytest.approx([-5 - 2.7718, -5 + 2.7718], abs=1e-4)


def test_of_one_value_there_is_no_interval_and_of_none_nothing_is_ahead() -> None:
    two, one, none = differences_of([1, 3]), differences_of([5]), differences_of([])

    assert one.ahead_of(two) == (Decimal(3), None)
    assert two.ahead_of(one) == (Decimal(-3), None)
    assert (one.interval, none.interval) == (None, None)
    assert two.ahead_of(none) is None
    assert none.ahead_of(two) is None


def test_execution_adds_nothing_to_the_mean_where_both_trade_for_real_as_often() -> None:
    estimate = role_balanced(Differences(6, Decimal(15), Decimal(4)), Differences(4, Decimal(65), Decimal(4)))

    # The mean over all ten is 35, the engines alone differ by 40.
    assert estimate is not None
    assert estimate.execution_share(6, 4) == -5
    assert estimate.execution_share(5, 5) == 0
    assert estimate.execution_share(0, 7) == estimate.real_execution_effect == 25
