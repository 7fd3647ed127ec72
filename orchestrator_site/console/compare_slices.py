"""The slices of the comparison, and real trades beside the same engine's shadows: exploratory, whatever they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from admin_kit.charts import Chart, Series
from orchestrator_site.console.compare_charts import Estimate, Unit, interval_chart
from outcomes.core.statistics import Differences
from outcomes.performance.comparison import NOTHING, Group
from outcomes.performance.report import ENGINES

# Title of each kind of slice, by the name of its filter.
FIELDS = {
    "symbol": "Symbol", "timeframe": "Timeframe", "direction": "Direction", "hour": "Hour of the signal",
    "provenance": "Exit price of the shadow",
}  # fmt: skip
MOST_DRAWN = 24
# The levels of groups.sql.
LEVELS = ("below 1%", "1 to 2%", "2 to 5%", "5 to 10%", "10% or more")
SPREADS = {f"{number}": name for number, name in enumerate(LEVELS)} | {"": "not reported"}
CALIBRATION = ("Real (n)", "Shadow (n)", "Real, mean", "Shadow, mean", "Difference", "From", "To")


def slice_charts(groups: Sequence[Group], unit: Unit, query: dict[str, str]) -> list[Chart]:
    """A dot and its interval for each slice, the largest first, linked to the comparison of it alone."""
    charts = []
    for field, title in FIELDS.items():
        found = [group for group in groups if group.field == field and group.sums.n]
        if field != "hour":
            found.sort(key=lambda group: -group.sums.n)
        if not found:
            continue
        means = [group.sums.statistics for group in found]
        rows = [
            Estimate(f"{group.value}:00" if field == "hour" else group.value, mean.n, mean.mean, mean.interval)
            for group, mean in zip(found, means, strict=True)
        ]
        ahead = sum(row.mean is not None and row.mean > 0 for row in rows)
        behind = sum(row.mean is not None and row.mean < 0 for row in rows)
        # One alone is no comparison.
        score = f"A is ahead in {ahead}, B in {behind}; all together" if len(rows) > 1 else "All of it:"
        left_out = f" Drawn are the largest {MOST_DRAWN}; the table has all." if len(rows) > MOST_DRAWN else ""
        together = sum((group.sums for group in found), NOTHING).statistics
        links = [f"?{urlencode(query | {field: group.value})}" for group in found]
        charts.append(
            interval_chart(
                rows, unit, title, identity=f"slices-{field}", title=f"{title} ({unit.name})",
                summary=f"{score} {unit.text(together.mean)} a pair."
                + left_out, links=links,
            )
        )  # fmt: skip
    return [_shortened(chart) for chart in charts]


def calibration_charts(groups: Sequence[Group], unit: Unit) -> list[Chart]:
    """By how much an engine's real trades came out above its own shadows, by the spread of the quotes at the entry."""
    charts = []
    for engine in ENGINES:
        kinds = {
            (group.kind, group.value): group.sums.statistics
            for group in groups
            if group.field == "spread" and group.engine == engine
        }
        levels = [level for level in SPREADS if ("real", level) in kinds or ("shadow", level) in kinds]
        if not levels:
            continue
        dots, bars, table = [], [], []
        for level in levels:
            real, shadow = (kinds.get((kind, level), Differences(0, None, None)) for kind in ("real", "shadow"))
            ahead, bounds = real.ahead_of(shadow) or (None, None)
            dots.append(None if ahead is None else unit.drawn(ahead))
            bars.append(None if bounds is None else [unit.drawn(bound) for bound in bounds])
            means = [None if one.mean is None else unit.drawn(one.mean) for one in (real, shadow)]
            table.append([SPREADS[level], real.n, shadow.n, *means, dots[-1], *(bars[-1] or (None, None))])
        charts.append(
            Chart(
                f"calibration-{engine.lower()}", f"Engine {engine}: real trades against its own shadows ({unit.name})",
                f"Left of 0, real trades of {engine} earned less than its shadows at similar spreads: there shadows "
                "may be priced too favourably. 95% intervals, for a single look.",
                [SPREADS[level] for level in levels],
                [
                    Series("real minus shadow", dots, engine.lower(), "points"),
                    Series("95% interval", bars, "range", "interval"),
                ],
                "Spread at the entry", f"Real minus shadow per trade, {unit.name}", sideways=True, low=True,
                table=(("Spread at the entry", *CALIBRATION), table),
            )
        )  # fmt: skip
    return charts


def _shortened(chart: Chart) -> Chart:
    """With the largest rows alone in the picture; its table and file keep all."""
    if len(chart.labels) <= MOST_DRAWN:
        return chart
    series = [Series(one.name, one.values[:MOST_DRAWN], one.look, one.form) for one in chart.series]
    fields: dict[str, Any] = {"labels": chart.labels[:MOST_DRAWN], "series": series}
    return replace(chart, **fields)
