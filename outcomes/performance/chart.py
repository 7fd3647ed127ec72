"""The report's chart: cumulative P&L of each engine, real and shadow lines apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outcomes.performance.svg_chart import Line, step_chart

COLOUR_OF_ENGINE = {"A": 1, "B": 2}


def cumulative_chart(series: Sequence[dict[str, Any]], *, identity: str = "cumulative-pnl") -> str:
    """Return an SVG of `cumulative_series`: one colour per engine, shadow lines dashed."""
    lines = [
        Line(f"{row['engine']} {row['kind']}", COLOUR_OF_ENGINE[row["engine"]], row["kind"] == "shadow", row["points"])
        for row in series
    ]
    return step_chart(
        lines,
        title="Cumulative P&L by engine",
        description="Net P&L added up exit by exit, real and shadow trades apart.",
        identity=identity,
    )
