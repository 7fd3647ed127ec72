"""Intervals, the normal distribution, and numbers as text."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from outcomes.core.statistics import QUANTILE_95, money_text, normal_cdf, ratio_text, wilson_interval
from tests.golden import GOLDEN_FOLDER

GOLDEN: dict[str, Any] = json.loads((GOLDEN_FOLDER / "metrics.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["win_rate_interval"], ids=lambda case: f"{case['wins']}_of_{case['n']}")
def test_the_win_rate_interval_gives_known_answers(case: dict[str, Any]) -> None:
    interval = wilson_interval(case["wins"], case["n"])

    assert (interval is None) == (case["wilson_95"] is None)
    assert [float(bound) for bound in interval or ()] == pytest.approx(case["wilson_95"] or [], rel=1e-14)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_win_rate_interval_holds_the_rate_and_stays_within_0_and_1(wins_and_n: tuple[int, int]) -> None:
    wins, n = wins_and_n

    interval = wilson_interval(wins, n)

    assert interval is not None
    assert 0 <= interval[0] <= Decimal(wins) / n <= interval[1] <= 1


@given(st.floats(-37, 37))
def test_the_normal_distribution_is_accurate_far_out_in_its_tails(z: float) -> None:
    assert normal_cdf(z) == pytest.approx(float(ndtr(z)), rel=1e-11)


@pytest.mark.parametrize("case", GOLDEN["psr"], ids=lambda case: case["name"])
def test_published_probabilistic_sharpe_ratios_follow_from_the_distribution_used(case: dict[str, Any]) -> None:
    sharpe, above = case["sharpe"], case["sharpe"] - case["benchmark"]
    variance_term = 1 - case["skew"] * sharpe + (case["kurtosis"] - 1) / 4 * sharpe**2

    psr = normal_cdf(above * math.sqrt(case["n"] - 1) / math.sqrt(variance_term))

    assert psr == pytest.approx(case["psr"], rel=1e-12)
    if case["min_track_record_length"] is not None:
        length = 1 + variance_term * (float(QUANTILE_95) / above) ** 2
        assert length == pytest.approx(case["min_track_record_length"], rel=1e-12)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.50"), "0.5"),
        (Decimal("8.6602540378443431664E-15"), "0.00000000000000866025403784434"),
        (Decimal(36073912721272537000000000000), "36073912721272500000000000000"),
        (Decimal("-0E-20"), "0"),
        (0.1, "0.1"),
        # A tie of the digits that name the float; its binary value is a little more.
        (0.1000000000000025, "0.100000000000002"),
        (1e-300, "0." + "0" * 299 + "1"),
    ],
)
def test_ratios_are_plain_decimals_of_15_digits(value: Decimal | float, text: str) -> None:
    assert ratio_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal(5), "5.00"),
        (Decimal("12.50000000000000"), "12.50"),
        (Decimal("6.6666666666666666667"), "6.66666666666667"),
        (Decimal("1234567890123456.789"), "1234567890123456.79"),
        (Decimal("-0.00"), "0.00"),
        (Decimal("0.0000000066666666666666666667"), "0.00000000666666666666667"),
        (Decimal(10) ** 51, f"1{'0' * 51}.00"),
    ],
)
def test_averages_keep_their_cents_and_15_digits(value: Decimal, text: str) -> None:
    assert money_text(value) == text


def test_sums_of_money_are_never_rounded() -> None:
    assert money_text(Decimal("1234567890123456789.12345678901234"), exact=True) == "1234567890123456789.12345678901234"
