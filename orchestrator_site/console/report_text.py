"""The report as text for a terminal: the figures of the report page, from the answer of `GET performance`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator_site.console.report_page import COLUMNS, Row, figure_rows, pair_rows, phase_lines


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """The whole report: what it is of, the engines, the pairs."""
    asked = {name: value for name, value in report["filters"].items() if value is not None and name != "currency"}
    yield f"As of {report['as_of']}, in {report['filters']['currency']}, P&L after fees. Hash {report['report_hash']}."
    yield "Filters: " + (", ".join(f"{name} = {value}" for name, value in asked.items()) or "none") + "."
    phases = phase_lines(report["phases"])
    yield f"Over {len(phases)} phases, mixed:" if len(phases) > 1 else "Phase:" if phases else "No closed trades."
    yield from (f"  {phase}" for phase in phases)
    yield ""
    yield from comparison_lines(report)
    yield ""
    yield from pair_lines(report["pairs"])


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
