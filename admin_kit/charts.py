"""Charts that are a picture, a table and a CSV file at once, drawn with Unfold's Chart.js by `admin_kit/charts.js`.

A page includes `admin_kit/chart.html` for each, loads the script in `extrahead`, and answers `?csv=` with `csv_answer`.
Every look has a dash or pattern and a marker of its own, so that paper in black and white tells them apart.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
# A spreadsheet runs a text cell that begins so as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

# Each stands in charts.js with colour, dash and marker.
LOOKS = ("a", "b", "b-alone", "difference", "range", "limit", "other")
# From so many times the smallest to the largest, a logarithmic scale.
WIDE = 20
FORMS = ("line", "step", "bar", "points", "interval")


@dataclass(frozen=True, slots=True)
class Series:
    """One row of the legend: a value for each label, None where there is none.

    An `interval` has pairs (low, high), drawn as a thin bar. `dashed` is for what only mirrors another series in the
    same look, such as the shadow of an engine; `fill` shades down to the series before it, as between two bounds.
    """

    name: str
    values: Sequence[Any]
    look: str = "other"
    form: str = "line"
    dashed: bool = False
    fill: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the chart at a label, such as the beginning of a phase."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn over `labels`; `identity` names it in the page and in `?csv=`, `summary` says it in words.

    `sideways` puts the labels, one above another, on the upright axis; `stacked` puts bars of one label on each other;
    `low` is for a chart beside others. `links` are what a click on a label opens, and
    its row of the table.
    """

    identity: str
    title: str
    summary: str
    labels: Sequence[str]
    series: Sequence[Series]
    label_title: str
    value_title: str
    log: bool = False
    sideways: bool = False
    stacked: bool = False
    low: bool = False
    bounds: tuple[float | None, float | None] = (None, None)
    marks: Sequence[Mark] = ()
    links: Sequence[str] = ()
    # For what the picture leaves out; None: the labels and every series.
    table: tuple[Sequence[str], Sequence[Sequence[Any]]] | None = field(default=None)

    @property
    def spec(self) -> dict[str, Any]:
        """What the script draws."""
        return {
            "labels": list(self.labels),
            "series": [
                {
                    "name": one.name,
                    "values": list(one.values),
                    "look": one.look,
                    "form": one.form,
                    "dashed": one.dashed,
                    "fill": one.fill,
                }
                for one in self.series
            ],
            "label_title": self.label_title,
            "value_title": self.value_title,
            "log": self.log,
            "sideways": self.sideways,
            "stacked": self.stacked,
            "bounds": list(self.bounds),
            "marks": [{"label": mark.label, "text": mark.text} for mark in self.marks],
            "links": list(self.links),
        }

    @property
    def header(self) -> Sequence[str]:
        """The heads of its table."""
        if self.table is not None:
            return self.table[0]
        names = [
            name
            for one in self.series
            for name in ([f"{one.name}, from", f"{one.name}, to"] if one.form == "interval" else [one.name])
        ]
        return [self.label_title, *names]

    @property
    def rows(self) -> list[Sequence[Any]]:
        """The lines of its table."""
        if self.table is not None:
            return list(self.table[1])
        return [
            [label, *(part for one in self.series for part in _parts(one, place))]
            for place, label in enumerate(self.labels)
        ]

    @property
    def data_url(self) -> str:
        """Its file within the page, where no URL would answer with it again."""
        return f"data:text/csv;charset=utf-8,{quote(csv_text([self.header, *self.rows]))}"

    @property
    def linked_rows(self) -> list[tuple[str, Sequence[Any]]]:
        """The lines of its table, each after what its label leads to."""
        rows = self.rows
        links = list(self.links) if len(self.links) == len(rows) else [""] * len(rows)
        return list(zip(links, rows, strict=True))

    @property
    def body(self) -> SafeString:
        """The lines of its table; a template takes many times as long over thousands of cells."""
        return format_html_join(
            "",
            '<tr><th scope="row">{}</th>{}</tr>',
            (
                (
                    format_html('<a class="text-link" href="{}">{}</a>', link, row[0]) if link else row[0],
                    format_html_join(
                        "", '<td class="to-number">{}</td>', (("" if value is None else value,) for value in row[1:])
                    ),
                )
                for link, row in self.linked_rows
            ),
        )


def _parts(series: Series, place: int) -> Sequence[Any]:
    value = series.values[place]
    if series.form != "interval":
        return (value,)
    return (None, None) if value is None else tuple(value)


def csv_answer(request: HttpRequest, charts: Iterable[Chart | None]) -> HttpResponse | None:
    """The file of the chart that `?csv=` names; None where none is asked for. Raises `Http404` for an unknown one."""
    wanted = request.GET.get("csv")
    if wanted is None:
        return None
    for chart in charts:
        if chart is not None and chart.identity == wanted:
            answer = HttpResponse(csv_text([chart.header, *chart.rows]), content_type="text/csv; charset=utf-8")
            answer["Content-Disposition"] = f'attachment; filename="{chart.identity}.csv"'
            return answer
    raise Http404


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV that a spreadsheet opens without running any of it."""
    output = io.StringIO()
    csv.writer(output, lineterminator="\r\n").writerows([csv_cell(value) for value in row] for row in rows)
    return output.getvalue()


def csv_cell(value: object) -> str:
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


def is_wide(values: Iterable[float]) -> bool:
    """Whether positive values lie so far apart that a scale of powers tells more of them; it has no place for 0."""
    found = list(values)
    return min(found) > 0 and max(found) > WIDE * min(found)
