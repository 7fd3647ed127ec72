"""The comparison of the engines as text: the figures of the report page, from `GET performance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator_site.console.report_page import COLUMNS, Row, figure_rows, pair_rows


def comparison_lines(report: dict[str, Any]) -> list[str]:
    """A line per figure; real and shadow of each engine side by side, never added up."""
    return _lines([f"engine {engine} {kind.replace('_', ' ')}" for engine, kind in COLUMNS], figure_rows(report))


def pair_lines(pairs: dict[str, Any]) -> list[str]:
    """What the pairs say: trades of both engines on the same signal, A minus B."""
    rows = pair_rows(pairs)
    whole = [f"{row.label}: {row.cells[0].text}" for row in rows["whole"]]
    return [*_lines(["A minus B", "both shadows"], rows["both"]), *whole]


def _lines(titles: Sequence[str], rows: Sequence[Row]) -> list[str]:
    table = [("", *titles), *((row.label, *(cell.text for cell in row.cells)) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(titles) + 1)]
    return [
        "  ".join(
            [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in table
    ]
