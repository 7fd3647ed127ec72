"""The pair part of the report: A minus B on the same signals, and whether the comparison is sound.

PAIR_FIGURES is its table, as FIGURES is that of the engines: each row follows from sums that pairs.sql
computes on `numeric`, by the methods in outcomes/core/statistics.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from kernel.values import decimal_text
from outcomes.core.statistics import (
    SAMPLE_RATIO_ALARM,
    Differences,
    RankSums,
    chi_square_of_split,
    confidence_sequence,
    judge,
    pairs_still_needed,
    role_balanced,
    sign_test,
    signed_rank_test,
    why_no_number,
    why_no_sequence,
)
from outcomes.performance.figures import CURRENCY, Figure, Kind, Row

CONFOUNDED = "confounded with execution mode"
NO_PAIRS = "no pairs"
# What a label without any priced pair comes to; the database has no row for it, or NULL in it.
NO_SUMS: Row = {
    "n": 0, "mean": None, "sd": None, "a_better": 0, "b_better": 0, "tied": 0, "unpriced": 0, "violations": 0,
    "incomparable": 0,
    "a_real_n": 0, "a_real_mean": None, "a_real_sd": None, "b_real_n": 0, "b_real_mean": None, "b_real_sd": None,
    "ranked": 0, "doubled_positive": 0, "tie_term": 0, "rank_values": None, "rank_ties": None,
}  # fmt: skip


def pair_row(
    sums: Mapping[str, Mapping[str, Any]], splits: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]
) -> Row:
    """One row for PAIR_FIGURES, of the sums by label, the variants per split and the answers."""

    def filled(label: str) -> dict[str, Any]:
        return {**NO_SUMS, **{name: value for name, value in sums.get(label, {}).items() if value is not None}}

    return filled("paired") | {"unpaired": filled("unpaired"), "sample_ratio": splits, "completeness": answers}


def _differences(row: Row, role: str = "") -> Differences:
    # Exact so far; roots and logarithms are taken of doubles.
    mean, sd = row[f"{role}mean"], row[f"{role}sd"]
    return Differences(row[f"{role}n"], None if mean is None else float(mean), None if sd is None else float(sd))


def _wilcoxon(row: Row) -> dict[str, Any] | None:
    values, ties = row["rank_values"] or (), row["rank_ties"] or ()
    each = [value for value, times in zip(values, ties, strict=True) for _ in range(times)]
    test = signed_rank_test(RankSums(row["ranked"], int(row["doubled_positive"]), int(row["tie_term"]), each))
    if test is None:
        return None
    return {"statistic": Decimal(test.statistic.numerator) / test.statistic.denominator, "p": test.p}


def _role_balanced(row: Row) -> dict[str, Any] | None:
    # None when only one engine ever traded for real: then its own difference and the cost of real execution are one.
    estimate = role_balanced(_differences(row, "a_real_"), _differences(row, "b_real_"))
    if estimate is None:
        return None
    return {
        "engine_effect": estimate.engine_effect,
        "real_execution_effect": estimate.real_execution_effect,
        "standard_error": estimate.standard_error,
        "a_real": {"n": row["a_real_n"], "mean_difference": row["a_real_mean"]},
        "b_real": {"n": row["b_real_n"], "mean_difference": row["b_real_mean"]},
    }


def _split_test(row: Row) -> tuple[float | None, float | None]:
    return chi_square_of_split(row["a"], row["b"], float(row["split_percentage"]) / 100) or (None, None)


def _too_few(row: Row) -> str:
    return "fewer than 5 expected of a variant"


def _is_mismatch(row: Row) -> bool:
    _, p = _split_test(row)
    return p is not None and p < SAMPLE_RATIO_ALARM


def _p_of(first: str, second: str) -> Figure:
    return Figure(
        "p", "p", Kind.RATIO, "two-sided p-value, exact; null without any such pair",
        compute=lambda row: sign_test(row[first], row[second]), nullable=True,
    )  # fmt: skip


def _count(name: str, title: str, definition: str = "", unit: str = "pairs") -> Figure:
    return Figure(name, title, Kind.COUNT, definition or title.lower(), unit=unit)


_ROLE = (
    _count("n", "Pairs (n)"),
    Figure("mean_difference", "Mean difference", Kind.MONEY, "mean of A minus B", unit=CURRENCY),
)
COMPARISON = (
    _count("n", "Pairs (n)", "priced pairs that broke no rule"),
    Figure(
        "mean_difference", "Mean difference", Kind.MONEY, "mean of A minus B over the pairs",
        unit=CURRENCY, compute=lambda row: row["mean"], why_undefined=lambda _: NO_PAIRS, signed=True,
    ),
    Figure(
        "sd", "Standard deviation", Kind.MONEY, "sample standard deviation (n - 1) of A minus B",
        unit=CURRENCY, why_undefined=lambda row: "only one pair" if row["n"] else NO_PAIRS,
    ),
    Figure(
        "confidence_sequence", "95% confidence sequence", Kind.MONEY,
        "bounds of the mean difference that hold at all times at once (asymptotic, Waudby-Smith and others): 95 %, "
        "tightest near 200 pairs, held back before 100; it may be read every day",
        unit=CURRENCY, compute=lambda row: confidence_sequence(_differences(row)),
        why_undefined=lambda row: why_no_sequence(_differences(row)), interval=True,
    ),
    Figure(
        "verdict", "Verdict", Kind.WORDS,
        "A_BETTER or B_BETTER when zero lies outside the confidence sequence, else INCONCLUSIVE; a verdict over a "
        "slice picked after looking is a hint only",
        compute=lambda row: judge(_differences(row)).name, choices=("A_BETTER", "B_BETTER", "INCONCLUSIVE"),
    ),
    Figure(
        "verdict_reason", "Reason", Kind.WORDS, "why the verdict is what it is",
        compute=lambda row: judge(_differences(row)).reason,
    ),
    Figure(
        "pairs_still_needed", "Pairs still needed", Kind.COUNT,
        "further pairs until a verdict, should mean and spread stay as they are",
        unit="pairs", compute=lambda row: pairs_still_needed(_differences(row)),
        why_undefined=lambda row: why_no_number(_differences(row)),
    ),
    Figure(
        "wilcoxon", "Wilcoxon test", Kind.GROUP,
        "signed-rank test, two-sided: exact up to 50 differences, beyond by the normal distribution",
        compute=_wilcoxon, why_undefined=lambda row: "all differences are zero" if row["n"] else NO_PAIRS,
        parts=(
            Figure("statistic", "Statistic", Kind.RATIO, "the smaller of the two rank sums"),
            Figure("p", "p", Kind.RATIO, "two-sided p-value"),
        ),
    ),
    Figure(
        "sign_test", "Sign test", Kind.GROUP,
        "who wins more often, two-sided and exact, ties left out; never who earns more", compute=lambda row: row,
        parts=(
            _count("a_better", "A better"), _count("b_better", "B better"), _count("tied", "Tied"),
            _p_of("a_better", "b_better"),
        ),
    ),
    _count("unpriced", "Unpriced (left out)", "pairs with an exit that nobody priced"),
    _count("violations", "Rule violations (left out)", "priced pairs in which either engine broke a rule"),
    _count("incomparable", "Not comparable (left out)", "pairs that a roll left open, or in two currencies"),
)  # fmt: skip
PAIR_FIGURES = (
    *COMPARISON,
    Figure(
        "role_balanced", "Role-balanced estimate", Kind.GROUP,
        "(mean of d with A real + mean of d with B real) / 2 is the engines' own difference, (mean with B real - mean "
        "with A real) / 2 what real execution costs",
        compute=_role_balanced, why_undefined=lambda row: CONFOUNDED if row["n"] else NO_PAIRS,
        parts=(
            Figure("engine_effect", "Engine effect", Kind.MONEY, "the engines' own difference", unit=CURRENCY),
            Figure("real_execution_effect", "Cost of real execution", Kind.MONEY, "what real execution costs",
                   unit=CURRENCY),
            Figure("standard_error", "Standard error", Kind.MONEY, "of either effect; null with a single pair in a "
                   "role", unit=CURRENCY, nullable=True),
            Figure("a_real", "A real", Kind.GROUP, "pairs in which engine A traded for real", parts=_ROLE),
            Figure("b_real", "B real", Kind.GROUP, "pairs in which engine B traded for real", parts=_ROLE),
        ),
    ),
    Figure(
        "caution", "Caution", Kind.WORDS, "what to keep in mind before believing the verdict; null for nothing",
        compute=lambda row: CONFOUNDED if row["n"] and _role_balanced(row) is None else None, nullable=True,
    ),
    Figure(
        "unpaired", "Both shadows", Kind.GROUP,
        "the same for experiments in which both trades were shadows with exits of their own", parts=COMPARISON,
    ),
    Figure(
        "sample_ratio", "Sample ratio", Kind.LIST,
        "chi-square of the variants against each pinned split; alert when p < 0.001; the filters variant and "
        "execution_mode do not apply",
        parts=(
            Figure("split_percentage", "Split", Kind.WORDS, "share of engine A in percent",
                   compute=lambda row: decimal_text(row["split_percentage"])),
            _count("a", "Variant A", unit="experiments"), _count("b", "Variant B", unit="experiments"),
            Figure("chi_square", "Chi-square", Kind.RATIO, "against the split",
                   compute=lambda row: _split_test(row)[0], why_undefined=_too_few),
            Figure("p", "p", Kind.RATIO, "of the chi-square", compute=lambda row: _split_test(row)[1],
                   why_undefined=_too_few),
            Figure("alert", "Mismatch", Kind.FLAG, "p < 0.001", compute=_is_mismatch),
        ),
    ),
    Figure(
        "completeness", "Answered", Kind.GROUP,
        "experiments by which engines have answered; p of the exact McNemar test",
        parts=(
            _count("both", "Both", unit="experiments"), _count("a_only", "Only A", unit="experiments"),
            _count("b_only", "Only B", unit="experiments"), _count("neither", "Neither", unit="experiments"),
            _p_of("a_only", "b_only"),
        ),
    ),
)  # fmt: skip
PAIR_CONVENTIONS = {
    "pairs": "experiments in which both engines closed a priced trade, one of them for real; d = P&L of A minus "
    "P&L of B, both over the fills up to a roll and less the fees of the policy's schedule, whatever the broker "
    "charged; a signal that an engine declined is no pair",
} | {figure.name: figure.definition for figure in PAIR_FIGURES}
