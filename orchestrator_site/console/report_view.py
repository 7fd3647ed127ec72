"""The report as people see it: few digits, units, n beside every ratio, and the equity curves.

What is shown follows the tables of figures; the exact numbers are in the JSON and CSV exports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from outcomes.performance.figures import FIGURES, Figure, Kind
from outcomes.performance.pairs import COMPARISON, PAIR_FIGURES
from outcomes.performance.report import ENGINES, KINDS

COLUMNS = tuple((engine, kind) for engine in ENGINES for kind in KINDS)
# A ratio closer to zero is shown by its leading digit instead of as 0.000.
SMALLEST_FIXED = Decimal("0.001")

COLOURS = {"A": "var(--chart-1)", "B": "var(--chart-2)"}
# Readable on white and on the dark ground: Chart.js draws its text once, whatever the theme becomes.
CHART_TEXT = "#7d8796"
# Round steps of the time axis: each point falls into the slot of its time.
STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 1440, 7 * 1440, 30 * 1440, 90 * 1440, 365 * 1440)
)
MOST_SLOTS = 400


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: text to show, exact value or reason as tooltip, the count it rests on, gain or loss."""

    text: str
    exact: str = ""
    basis: str = ""
    tone: str = ""
    undefined: bool = False
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in every column."""

    name: str
    label: str
    meaning: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Data and options for Unfold's line chart as JSON, and the same in words."""

    data: str
    options: str
    summary: str


def figure_rows(report: Mapping[str, Any]) -> list[Row]:
    """A row per figure, columns A real, A shadow, B real, B shadow."""
    return _rows(FIGURES, [report["engines"][engine][kind] for engine, kind in COLUMNS])


def pair_rows(pairs: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The comparison in two columns (one real, both shadows), and what is said of the pairs as a whole."""
    whole = [figure for figure in PAIR_FIGURES if figure not in COMPARISON and figure.name != "unpaired"]
    return {"both": _rows(COMPARISON, [pairs, pairs["unpaired"]]), "whole": _rows(whole, [pairs])}


def _rows(figures: Sequence[Figure], parts: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [
        Row(figure.name, figure.title, figure.definition, tuple(_cell(figure, part) for part in parts))
        for figure in figures
    ]


def _cell(figure: Figure, part: Mapping[str, Any]) -> Cell:
    value = part[figure.name]
    basis = f"{figure.rests_on.replace('_', ' ')} = {part[figure.rests_on]}" if figure.rests_on else ""
    if value is None:
        text = "n/a" if figure.why_undefined else "none"
        return Cell(text, part["undefined"].get(figure.name, ""), basis, undefined=True)
    tone = ""
    if figure.signed:
        tone = "gain" if Decimal(value) > 0 else "loss" if Decimal(value) < 0 else ""
    if figure.kind in (Kind.GROUP, Kind.LIST, Kind.TALLY):
        return Cell(shown(figure, value), basis=basis, wraps=True)
    exact = " to ".join(map(str, value if figure.interval else [value]))
    return Cell(shown(figure, value), exact, basis, tone)


def shown(figure: Figure, value: Any) -> str:
    """A figure of the API's answer in few digits."""
    if figure.interval:
        return " to ".join(_digits(figure, bound) for bound in value)
    if figure.kind is Kind.GROUP:
        return ", ".join(
            f"{part.title}: {'n/a' if value[part.name] is None else shown(part, value[part.name])}"
            if part.kind is not Kind.GROUP
            else f"{part.title} ({shown(part, value[part.name])})"
            for part in figure.parts
        )
    if figure.kind is Kind.LIST:
        one = Figure(figure.name, figure.title, Kind.GROUP, figure.definition, parts=figure.parts)
        return "; ".join(shown(one, each) for each in value) or "none"
    if figure.kind is Kind.TALLY:
        return ", ".join(f"{name}: {count}" for name, count in value.items()) or "none"
    if figure.kind is Kind.FLAG:
        return "yes" if value else "no"
    return _digits(figure, value)


def _digits(figure: Figure, value: Any) -> str:
    if figure.kind in (Kind.COUNT, Kind.WORDS):
        return str(value)
    number = Decimal(value)
    if figure.kind is Kind.SHARE:
        return f"{number * 100:.1f}%"
    if figure.kind is Kind.RATIO:
        return f"{number:.3f}" if not number or abs(number) >= SMALLEST_FIXED else f"{number:.1g}"
    # With its sign, so that gain and loss are told apart without colour.
    return f"{number:+.2f}" if figure.signed else f"{number:.2f}"


def equity_chart(series: Sequence[Mapping[str, Any]]) -> Chart | None:
    """The curves of `cumulative_series`: one colour per engine, shadow dashed; None without any point.

    Chart.js has no time axis without another library, so that time is cut into slots of round length: the points
    of a slot stand above each other, and none is lost.
    """
    moments = [moment for row in series for moment, _ in row["points"]]
    if not moments:
        return None
    first, last = min(moments), max(moments)
    step = next((step for step in STEPS if (last - first) / step < MOST_SLOTS - 1), STEPS[-1])
    form = "%Y-%m-%d" if step >= timedelta(days=1) else "%Y-%m-%d %H:%M"

    def slot(moment: datetime) -> int:
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // step

    def label(number: int) -> str:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + number * step:{form}}"

    # One slot more at each end: every curve begins at 0 and stays where it ended.
    slots = range(slot(first) - 1, slot(last) + 2)
    datasets = [
        {
            "label": f"Engine {row['engine']}, {row['kind']}",
            "data": [
                {"x": label(slots[0]), "y": 0},
                *({"x": label(slot(moment)), "y": round(float(amount), 2)} for moment, amount in row["points"]),
                {"x": label(slots[-1]), "y": round(float(row["points"][-1][1]), 2)},
            ],
            "borderColor": COLOURS[row["engine"]],
            "borderDash": [6, 4] if row["kind"] == "shadow" else [],
            "borderWidth": 2,
            "stepped": True,
            "pointRadius": 0,
            "pointHitRadius": 8,
        }
        for row in series
    ]
    ends = ", ".join(f"engine {row['engine']} {row['kind']} {row['points'][-1][1]:+.2f}" for row in series)
    data = {"labels": [label(number) for number in slots], "datasets": datasets}
    return Chart(json.dumps(data), json.dumps(CHART_OPTIONS), f"Cumulative P&L at the end: {ends}.")


def _axis(title: str, **ticks: Any) -> dict[str, Any]:
    return {
        "title": {"display": True, "text": title, "color": CHART_TEXT},
        "ticks": {"color": CHART_TEXT} | ticks,
        "grid": {"display": True},
    }


CHART_OPTIONS = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "interaction": {"mode": "nearest", "axis": "x", "intersect": False},
    "plugins": {
        "legend": {
            "display": True,
            "align": "end",
            # Flat boxes, so that the legend shows the dashes; at this width there and back they cover each other.
            "labels": {"color": CHART_TEXT, "boxWidth": 33, "boxHeight": 0},
        },
    },
    "scales": {
        "x": _axis("Exit time (UTC)", maxTicksLimit=9, maxRotation=0),
        "y": _axis("Cumulative P&L, net of fees (account currency)"),
    },
}
