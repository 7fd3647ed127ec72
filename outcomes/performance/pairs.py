"""The pair part of the report: A minus B on the same signals. It describes, and gives no verdict.

PAIR_FIGURES is its table, as FIGURES is that of the engines: each row follows from the same sums, of pairs by the
engine that traded for real, by the methods in outcomes/core/statistics.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from kernel.values import decimal_text
from outcomes.core.statistics import SAMPLE_RATIO_ALARM, Differences, role_balanced, sample_ratio_evidence, sign_test
from outcomes.performance.figures import CURRENCY, Figure, Kind, Row
from outcomes.performance.measures import BIN_EDGES, BINS, MEASURES

CONFOUNDED = "confounded with execution mode"
NO_PAIRS = "no pairs"
NO_RISK = "no pairs with capital at risk on both sides"
EXPLORATORY = (
    "exploratory: it describes the trades chosen here; which engine is better is answered by an evaluation, fixed "
    "before its data"
)
NO_SPLIT = "nothing is split"
# Evidence is counted up to here; a double ends at 1e308.
MOST_EVIDENCE = 1e15


def pair_row(
    sums: Mapping[tuple[str, str], Row], splits: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]
) -> Row:
    """One row for PAIR_FIGURES, of the sums by kind and the engine that traded for real, of splits and of answers."""

    def of(kind: str, *engines: str) -> dict[str, Any]:
        rows = [sums[kind, engine] for engine in engines if (kind, engine) in sums]
        return {name: sum((row[name] for row in rows), Decimal(0) if "total" in name else 0) for name in MEASURES}

    return of("paired", "A", "B") | {
        "a_real": of("paired", "A"), "b_real": of("paired", "B"), "unpaired": of("unpaired", ""),
        "sample_ratio": splits, "completeness": answers,
    }  # fmt: skip


def _differences(row: Row, *, in_r: bool = False) -> Differences:
    if in_r:
        return Differences.of_sums(row["at_risk"], row["total_r"], row["total_r_2"])
    return Differences.of_sums(row["n"], row["total"], row["total_2"])


def _role_balanced(row: Row, *, in_r: bool = False) -> dict[str, Any] | None:
    # None when only one engine ever traded for real: then its own difference and the cost of real execution are one.
    estimate = role_balanced(_differences(row["a_real"], in_r=in_r), _differences(row["b_real"], in_r=in_r))
    if estimate is None:
        return None
    return {
        "engine_effect": estimate.engine_effect,
        "engine_effect_interval": estimate.interval(estimate.engine_effect),
        "real_execution_effect": estimate.real_execution_effect,
        "real_execution_effect_interval": estimate.interval(estimate.real_execution_effect),
        "standard_error": estimate.standard_error,
    }


def _distribution(row: Row) -> list[dict[str, Any]]:
    edges = ["", *BIN_EDGES, ""]
    return [
        {"at_least": low or None, "below": high or None, "n": row[column]}
        for column, low, high in zip(BINS, edges, edges[1:], strict=False)
    ]


def _evidence_of_split(row: Row) -> float | None:
    split = float(row["split_percentage"]) / 100
    if not 0 < split < 1:
        return None
    return min(sample_ratio_evidence(row["a"], row["a"] + row["b"], split), MOST_EVIDENCE)


def _p_of(first: str, second: str) -> Figure:
    return Figure(
        "p", "p", Kind.RATIO, "two-sided p-value, exact; null without any such experiment",
        compute=lambda row: sign_test(row[first], row[second]), nullable=True,
    )  # fmt: skip


def _count(name: str, title: str, definition: str = "", unit: str = "pairs") -> Figure:
    return Figure(name, title, Kind.COUNT, definition or title.lower(), unit=unit)


def _effects(kind: Kind, unit: str) -> tuple[Figure, ...]:
    interval = "its 95 % interval by the normal distribution, for a single look; null with one pair in a role"
    return (
        Figure("engine_effect", "Engine effect", kind, "the engines' own difference, A minus B", unit=unit),
        Figure("engine_effect_interval", "95% interval", kind, interval, unit=unit, interval=True, nullable=True),
        Figure("real_execution_effect", "Cost of real execution", kind, "what trading for real costs", unit=unit),
        Figure(
            "real_execution_effect_interval", "95% interval of the cost", kind, interval, unit=unit, interval=True,
            nullable=True,
        ),
        Figure(
            "standard_error", "Standard error", kind, "of either effect; null with a single pair in a role", unit=unit,
            nullable=True,
        ),
    )  # fmt: skip


_MEANS = (
    Figure(
        "mean_difference", "Mean difference", Kind.MONEY, "mean of A minus B over the pairs",
        unit=CURRENCY, compute=lambda row: _differences(row).mean, why_undefined=lambda _: NO_PAIRS, signed=True,
    ),
    Figure(
        "mean_difference_r", "Mean difference in R", Kind.RATIO,
        "mean of A's R minus B's R, over the pairs with capital at risk on both sides", unit="R",
        compute=lambda row: _differences(row, in_r=True).mean,
        why_undefined=lambda row: NO_RISK if row["n"] else NO_PAIRS, signed=True,
    ),
)  # fmt: skip
_ROLE = (_count("n", "Pairs (n)"), *_MEANS)
COMPARISON = (
    _count("n", "Pairs (n)", "priced pairs that broke no rule"),
    *_MEANS,
    Figure(
        "sd", "Standard deviation", Kind.MONEY, "sample standard deviation (n - 1) of A minus B",
        unit=CURRENCY, compute=lambda row: _differences(row).sd,
        why_undefined=lambda row: "only one pair" if row["n"] else NO_PAIRS,
    ),
    Figure(
        "a_better", "A better", Kind.COUNT, "pairs in which A earned more", unit="pairs",
        compute=lambda row: row["wins"],
    ),
    Figure(
        "b_better", "B better", Kind.COUNT, "pairs in which B earned more", unit="pairs",
        compute=lambda row: row["losses"],
    ),
    Figure(
        "tied", "Tied", Kind.COUNT, "pairs in which both earned the same", unit="pairs",
        compute=lambda row: row["n"] - row["wins"] - row["losses"],
    ),
    Figure(
        "distribution", "Distribution", Kind.LIST, "pairs by their difference in R", compute=_distribution,
        parts=(
            Figure("at_least", "From", Kind.WORDS, "lower edge, included; null without one", unit="R", nullable=True),
            Figure("below", "Below", Kind.WORDS, "upper edge, not included; null without one", unit="R", nullable=True),
            _count("n", "Pairs"),
        ),
    ),
    _count("unpriced", "Unpriced (left out)", "pairs with an exit that nobody priced"),
    _count("violations", "Rule violations (left out)", "priced pairs in which either engine broke a rule"),
    _count("incomparable", "Not comparable (left out)", "pairs that a roll left open, or in two currencies"),
    _count("amended", "Amended", "pairs with a result that an accepted amendment has changed; the latest counts"),
)  # fmt: skip
PAIR_FIGURES = (
    Figure("nature", "Nature", Kind.WORDS, "what this part can tell", compute=lambda _: EXPLORATORY),
    *COMPARISON,
    Figure("a_real", "A real", Kind.GROUP, "pairs in which engine A traded for real", parts=_ROLE),
    Figure("b_real", "B real", Kind.GROUP, "pairs in which engine B traded for real", parts=_ROLE),
    Figure(
        "role_balanced", "Role-balanced estimate", Kind.GROUP,
        "(mean of d with A real + mean of d with B real) / 2 is the engines' own difference, (mean with B real - mean "
        "with A real) / 2 what real execution costs",
        compute=_role_balanced, why_undefined=lambda row: CONFOUNDED if row["n"] else NO_PAIRS,
        parts=_effects(Kind.MONEY, CURRENCY),
    ),
    Figure(
        "role_balanced_r", "Role-balanced estimate in R", Kind.GROUP, "the same of the differences in R",
        compute=lambda row: _role_balanced(row, in_r=True),
        why_undefined=lambda row: CONFOUNDED if row["at_risk"] else NO_RISK if row["n"] else NO_PAIRS,
        parts=_effects(Kind.RATIO, "R"),
    ),
    Figure(
        "unpaired", "Both shadows", Kind.GROUP,
        "the same for experiments in which both trades were shadows with exits of their own", parts=COMPARISON,
    ),
    Figure(
        "sample_ratio", "Sample ratio", Kind.LIST,
        "evidence that assignment did not keep the pinned split, which may be read every day; the filters variant and "
        "execution_mode do not apply",
        parts=(
            Figure("split_percentage", "Split", Kind.WORDS, "share of engine A in percent",
                   compute=lambda row: decimal_text(row["split_percentage"])),
            _count("a", "Variant A", unit="experiments"), _count("b", "Variant B", unit="experiments"),
            Figure("evidence", "Evidence", Kind.RATIO, "e-value, at most 10^15; 1,000 comes by chance once in 1,000",
                   compute=_evidence_of_split, why_undefined=lambda _: NO_SPLIT),
            Figure("alert", "Mismatch", Kind.FLAG, "evidence of 1,000 or more",
                   compute=lambda row: (_evidence_of_split(row) or 0) >= SAMPLE_RATIO_ALARM),
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
