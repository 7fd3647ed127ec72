"""The pair part of the report: A minus B on the same signals, and whether the comparison is sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from outcomes.core.metrics import money_text, ratio_text
from outcomes.core.paired_statistics import (
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

CONFOUNDED = "confounded with execution mode"
PAIR_CONVENTIONS = {
    "pairs": "experiments in which both engines closed a priced trade, one of them for real; d = P&L of A minus "
    "P&L of B; a signal that an engine declined is no pair",
    "unpaired": "the same for experiments in which both trades were shadows with exits of their own",
    "confidence_sequence": "bounds of the mean difference that hold at all times at once (asymptotic, Waudby-Smith "
    "and others): 95 %, tightest near 200 pairs, held back before 100; it may be read every day",
    "verdict": "A_BETTER or B_BETTER when zero lies outside the confidence sequence, else INCONCLUSIVE; a verdict "
    "over a slice picked after looking is a hint only",
    "pairs_still_needed": "further pairs until a verdict, should mean and spread stay as they are",
    "wilcoxon": "signed-rank test, two-sided: exact up to 50 differences, beyond by the normal distribution",
    "sign_test": "who wins more often, two-sided and exact, ties left out; never who earns more",
    "role_balanced": "(mean of d with A real + mean of d with B real) / 2 is the engines' own difference, (mean with "
    "B real - mean with A real) / 2 what real execution costs",
    "sample_ratio": "chi-square of the variants against each pinned split; alert when p < 0.001; the filters variant "
    "and execution_mode do not apply",
    "completeness": "experiments by which engines have answered; p of the exact McNemar test",
}
NO_PAIRS = {
    "n": 0, "mean": None, "sd": None, "a_better": 0, "b_better": 0, "tied": 0, "unpriced": 0, "violations": 0,
    "a_real_n": 0, "a_real_mean": None, "a_real_sd": None, "b_real_n": 0, "b_real_mean": None, "b_real_sd": None,
    "ranked": 0, "doubled_positive": 0, "tie_term": 0, "rank_values": None, "rank_ties": None,
}  # fmt: skip


def present_pairs(
    sums: Mapping[str, Mapping[str, Any]], splits: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the pair part from the sums by label, the variants per split and the answers."""
    paired = _filled(sums.get("paired"))
    shown = _comparison(paired)
    shown["role_balanced"] = _role_balanced(paired)
    if shown["role_balanced"] is None:
        shown["undefined"]["role_balanced"] = CONFOUNDED if paired["n"] else "no pairs"
    shown["caution"] = CONFOUNDED if paired["n"] and shown["role_balanced"] is None else None
    shown["unpaired"] = _comparison(_filled(sums.get("unpaired")))
    shown["sample_ratio"] = [_split(row) for row in splits]
    shown["completeness"] = _completeness(answers)
    return shown


def _filled(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the row with 0 or None where it has no value, as without any priced pair."""
    given = {name: value for name, value in (row or {}).items() if value is not None}
    return NO_PAIRS | given


def _comparison(row: Mapping[str, Any]) -> dict[str, Any]:
    differences = _differences(row)
    bounds, verdict = confidence_sequence(differences), judge(differences)
    shown: dict[str, Any] = {
        "n": row["n"],
        "mean_difference": _money(row["mean"]),
        "sd": _money(row["sd"]),
        "confidence_sequence": bounds and [_money(bound) for bound in bounds],
        "verdict": verdict.name,
        "verdict_reason": verdict.reason,
        "pairs_still_needed": pairs_still_needed(differences),
        "wilcoxon": _wilcoxon(row),
        "sign_test": _sign_test(row),
        "unpriced": row["unpriced"],
        "violations": row["violations"],
    }
    why = {
        "mean_difference": "no pairs",
        "sd": "only one pair" if row["n"] else "no pairs",
        "confidence_sequence": why_no_sequence(differences),
        "pairs_still_needed": why_no_number(differences),
        "wilcoxon": "all differences are zero" if row["n"] else "no pairs",
    }
    shown["undefined"] = {name: reason for name, reason in why.items() if shown[name] is None}
    return shown


def _wilcoxon(row: Mapping[str, Any]) -> dict[str, str] | None:
    values, ties = row["rank_values"] or (), row["rank_ties"] or ()
    each = [value for value, times in zip(values, ties, strict=True) for _ in range(times)]
    test = signed_rank_test(RankSums(row["ranked"], int(row["doubled_positive"]), int(row["tie_term"]), each))
    if test is None:
        return None
    statistic = Decimal(test.statistic.numerator) / test.statistic.denominator
    return {"statistic": ratio_text(statistic), "p": ratio_text(test.p)}


def _sign_test(row: Mapping[str, Any]) -> dict[str, Any]:
    p = sign_test(row["a_better"], row["b_better"])
    return {name: row[name] for name in ("a_better", "b_better", "tied")} | {"p": None if p is None else ratio_text(p)}


def _role_balanced(row: Mapping[str, Any]) -> dict[str, Any] | None:
    estimate = role_balanced(_differences(row, "a_real_"), _differences(row, "b_real_"))
    if estimate is None:
        return None
    return {
        "engine_effect": _money(estimate.engine_effect),
        "real_execution_effect": _money(estimate.real_execution_effect),
        "standard_error": _money(estimate.standard_error),
        "a_real": {"n": row["a_real_n"], "mean_difference": _money(row["a_real_mean"])},
        "b_real": {"n": row["b_real_n"], "mean_difference": _money(row["b_real_mean"])},
    }


def _split(row: Mapping[str, Any]) -> dict[str, Any]:
    test = chi_square_of_split(row["a"], row["b"], float(row["split_percentage"]) / 100)
    chi_square, p = test or (None, None)
    return {
        "split_percentage": f"{row['split_percentage']:f}",
        "a": row["a"],
        "b": row["b"],
        "chi_square": None if chi_square is None else ratio_text(chi_square),
        "p": None if p is None else ratio_text(p),
        "alert": p is not None and p < SAMPLE_RATIO_ALARM,
        "undefined": {} if test else dict.fromkeys(("chi_square", "p"), "fewer than 5 expected of a variant"),
    }


def _completeness(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Show who answered; p tells whether one engine misses more often (exact McNemar test)."""
    p = sign_test(answers["a_only"], answers["b_only"])
    return dict(answers) | {"p": None if p is None else ratio_text(p)}


def _differences(row: Mapping[str, Any], prefix: str = "") -> Differences:
    mean, sd = row[f"{prefix}mean"], row[f"{prefix}sd"]
    return Differences(row[f"{prefix}n"], None if mean is None else float(mean), None if sd is None else float(sd))


def _money(value: Decimal | float | None) -> str | None:
    if value is None:
        return None
    return money_text(value if isinstance(value, Decimal) else Decimal(repr(value)))
