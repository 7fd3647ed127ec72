"""The report as CSV: one figure a line, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
# A spreadsheet runs a text cell that begins so as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
HEADER = ("part", "figure", "value", "undefined_because")


def report_csv(report: Mapping[str, Any]) -> str:
    """Every figure as a line: part (such as engines.A.real), name, exact value, why it is undefined."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerow(("report", "as_of", cell(report["as_of"]), ""))
    for part in ("filters", "engines", "pairs", "conventions"):
        writer.writerows(_lines(part, report[part]))
    return output.getvalue()


def cell(value: object) -> str:
    """A value as a cell: numbers as they are, text that a spreadsheet would run made harmless."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    # Numbers first: a loss begins with the same sign as a formula and must stay a number.
    if NUMBER.fullmatch(text) or not text.startswith(FORMULA_STARTS):
        return text
    return f"'{text}"


def _lines(part: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    reasons = fields.get("undefined", {})
    for name, value in fields.items():
        if name == "undefined":
            continue
        if isinstance(value, Mapping):
            yield from _lines(f"{part}.{name}", value)
        elif isinstance(value, (list, tuple)):
            for number, item in enumerate(value, start=1):
                if isinstance(item, Mapping):
                    yield from _lines(f"{part}.{name}.{number}", item)
                else:
                    yield part, f"{name}.{number}", cell(item), ""
        else:
            yield part, name, cell(value), cell(reasons.get(name, "") if value is None else "")
