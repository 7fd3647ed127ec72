"""What an evaluation's page draws, from its document alone, so that a kept one is drawn as it was."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from admin_kit.charts import Chart, Mark, Series
from kernel.values import figure_text

# Below it a bet is as good as lost; the line of 40 and the start at 1 stay apart.
LEAST_SHOWN, MOST_SHOWN = 0.01, 1e9
DIGITS = 6
SAYS = {
    "A_BETTER": "A is better", "B_BETTER": "B is better", "EQUIVALENT": "equivalent", "INCONCLUSIVE": "inconclusive",
    "ASSUMPTION_BROKEN": "assumption broken", "NOT_SEPARABLE": "not separable",
}  # fmt: skip


def charts_of(document: Mapping[str, Any], unit: str) -> list[Chart]:
    """Evidence, difference and blocks, over the last days of the blocks; none without a judged block."""
    blocks = document["blocks"]
    if not blocks:
        return []
    days = [block["to"] for block in blocks]
    return [_evidence(document, days), _difference(document, days, unit), _sums(document, days, unit)]


def middle(block: Mapping[str, Any]) -> float:
    """The middle of a block's sum, where something in it is missing."""
    return (float(block["x_low"]) + float(block["x_high"])) / 2


def most(block: Mapping[str, Any]) -> float:
    """How large a block's sum can be, whatever is missing in it, and whichever engine it favours."""
    return max(abs(float(block["x_low"])), abs(float(block["x_high"])))


def largest_in_words(blocks: Sequence[Mapping[str, Any]], worst: float, unit: str) -> str:
    """The largest block beside the assumed worst case; one with a price missing is told apart, for it is a bound."""
    priced = max((most(one) for one in blocks if one["x_low"] == one["x_high"]), default=0.0)
    largest = max(map(most, blocks))
    if largest == priced:
        return f"largest {figure_text(largest)} {unit}, {largest / worst:.0%} of it"
    return (
        f"largest with all prices {figure_text(priced)} {unit}, {priced / worst:.0%} of it; where prices are missing,"
        f" up to {figure_text(largest)} {unit}, {largest / worst:.0%}"
    )


def rounded(value: float) -> float:
    """For picture and table; the exact digits are in the JSON document."""
    return float(f"{value:.{DIGITS}g}")


def _evidence(document: Mapping[str, Any], days: Sequence[str]) -> Chart:
    blocks = document["blocks"]
    # A double's infinity is no JSON, and far beyond what decides.
    of = {engine: [rounded(min(float(block[f"e_{engine}"]), MOST_SHOWN)) for block in blocks] for engine in ("a", "b")}
    needed = float(document["evidence"].get("needed", 2 / float(document["content"]["alpha"])))
    most = max(*of["a"], *of["b"])
    at_block, verdict = document.get("at_block"), document.get("verdict")
    return Chart(
        "evidence",
        "Evidence",
        f"After {len(blocks):,} blocks the evidence is {figure_text(of['a'][-1])} for A and"
        f" {figure_text(of['b'][-1])} for B; each began at 1, and {needed:g} decides. The scale is logarithmic.",
        days,
        [
            Series("for A", of["a"], "a"),
            Series("for B", of["b"], "b"),
            Series(f"{needed:g} decides", [needed] * len(blocks), "limit"),
        ],
        "Last day of the block (New York)",
        "Evidence (start 1)",
        log=True,
        bounds=(LEAST_SHOWN, None if most > 2 * needed else 2.5 * needed),
        marks=[Mark(days[at_block - 1], SAYS[verdict])] if at_block and verdict in SAYS else (),
    )


def _difference(document: Mapping[str, Any], days: Sequence[str], unit: str) -> Chart:
    blocks, margin = document["blocks"], float(document["content"]["margin"])
    weights = list(accumulate(float(block["m"]) for block in blocks))
    means = [rounded(x / m) for x, m in zip(accumulate(map(middle, blocks)), weights, strict=True)]
    bounds: list[Any] = [block.get("interval") or (None, None) for block in blocks]
    lower, upper = ([None if edge[at] is None else rounded(float(edge[at])) for edge in bounds] for at in (0, 1))
    has_bounds = any(edge is not None for edge in (*lower, *upper))
    series = [Series("A minus B, all blocks so far", means, "difference")]
    if has_bounds:
        series = [
            Series("lower end of the interval", lower, "range"),
            Series("upper end", upper, "range", fill=True),
            *series,
        ]
    if margin:
        series += [Series(f"{sign}{margin:g}, the margin", [value] * len(blocks), "limit")
                   for sign, value in (("+", margin), ("-", -margin))]  # fmt: skip
    known = ["open" if edge is None else figure_text(edge) for edge in (lower[-1], upper[-1])]
    said = f"; the interval is {known[0]} to {known[1]}. It holds at every look, and never widens" if has_bounds else ""
    edge, is_cut = _edge([*means, *lower, *upper], [*(one[len(one) // 2 :] for one in (means, lower, upper)), [margin]])
    return Chart(
        "difference",
        "A minus B, a signal",
        f"{seen_in_words(blocks, unit)}{said}." + (" The first blocks lie off the scale." if is_cut else ""),
        days,
        series,
        "Last day of the block (New York)",
        f"{unit} a signal",
        bounds=(-edge, edge) if is_cut else (None, None),
    )


def seen_in_words(blocks: Sequence[Mapping[str, Any]], unit: str) -> str:
    """A minus B over all blocks; a range where what is missing could have been anything between its worst and best."""
    weight = sum(float(block["m"]) for block in blocks)
    low, high = (sum(float(block[name]) for block in blocks) / weight for name in ("x_low", "x_high"))
    if low == high:
        return f"Over all blocks A minus B is {figure_text(low, signed=True)} {unit} a signal"
    mean, *ends = (figure_text(value, signed=True) for value in ((low + high) / 2, low, high))
    return (
        f"Over all blocks A minus B is {mean} {unit} a signal, the midpoint of {' to '.join(ends)}: what has no price"
        " is taken at its worst for A, and at its worst for B"
    )


def _edge(values: Sequence[float | None], settled: Sequence[Sequence[float | None]]) -> tuple[float, bool]:
    """Where the picture ends so that the later half can be read, and whether anything goes beyond."""
    edge = round_edge(1.3 * max(abs(value) for part in settled for value in part if value is not None))
    return edge, max(abs(value) for value in values if value is not None) > 1.5 * edge


def round_edge(least: float) -> float:
    """The next round number, where an axis can end."""
    step = 10.0 ** math.floor(math.log10(least)) if least else 1.0
    # Rounded again, for an axis says every digit of a double.
    return rounded(next(size * step for size in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if size * step >= least))


def _sums(document: Mapping[str, Any], days: Sequence[str], unit: str) -> Chart:
    blocks, worst = document["blocks"], float(document["content"]["worst_block"])
    ranges = [
        [rounded(float(one["x_low"])), rounded(float(one["x_high"]))] if one["x_low"] != one["x_high"] else None
        for one in blocks
    ]
    series = [
        Series("block difference (x)", [rounded(middle(block)) for block in blocks], "difference", form="bar"),
        *([Series("where a price is missing", ranges, form="interval")] if any(ranges) else []),
        *(Series(f"{value:+g}, the assumed worst case", [value] * len(blocks), "limit") for value in (worst, -worst)),
    ]  # fmt: skip
    edge = round_edge(1.1 * max(worst, *map(most, blocks)))
    header = (
        "Last day", "From", "Block", "Signals", "Arrived", "x low", "x high", "m", "Evidence A", "Evidence B",
        "Later revisions",
    )  # fmt: skip
    rows = [
        (
            one["to"], one["from"], number, one["n"], one["arrived"],
            *(rounded(float(one[name])) for name in ("x_low", "x_high", "m", "e_a", "e_b")),
            "; ".join(
                f"{later['judged_at']}: {float(later['x_low']):.4g} to {float(later['x_high']):.4g}"
                for later in one.get("revisions", ())
            ),
        )
        for number, one in enumerate(blocks, start=1)
    ]  # fmt: skip
    return Chart(
        "blocks",
        "Each block against the assumed worst case",
        f"Above 0 A made more, below it B. The assumed worst case is {worst:g} {unit}: "
        f"{largest_in_words(blocks, worst, unit)}.",
        days,
        series,
        "Last day of the block (New York)",
        f"Block difference, x ({unit})",
        # Else the worst case would lie on the frame, where nobody sees it.
        bounds=(-edge, edge),
        table=(header, rows),
    )
