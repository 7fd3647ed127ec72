"""The chart is well-formed, deterministic text that stays inside its picture."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.performance.chart import cumulative_chart
from outcomes.performance.svg_chart import BOTTOM_EDGE, HEIGHT, LEFT, RIGHT_EDGE, TOP, WIDTH, Line, step_chart

NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
AMOUNTS = st.decimals(Decimal("-1e15"), Decimal("1e15"), places=2)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)


def line(*amounts: str, name: str = "A real", every: timedelta = timedelta(days=1)) -> Line:
    points = [(NOON + every * number, Decimal(amount)) for number, amount in enumerate(amounts)]
    return Line(name, 1, False, points)


def chart(*lines: Line, **words: str) -> ET.Element:
    return ET.fromstring(step_chart(lines, **({"title": "Title", "description": "Words."} | words)))  # noqa: S314 (our own text)


def texts(svg: ET.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def paths(svg: ET.Element) -> list[str]:
    return [element.attrib["d"] for element in svg.iter(f"{SVG}path") if element.get("stroke-width")]


def test_a_line_jumps_at_each_exit_and_stays_until_the_next() -> None:
    svg = chart(line("100", "0", "50"))

    curve = paths(svg)[0]

    assert curve.startswith(f"M{LEFT} {BOTTOM_EDGE}H{LEFT}V{TOP}")
    assert re.fullmatch(r"M[\d.]+ [\d.]+(H[\d.]+V[\d.]+){3}H[\d.]+", curve)
    assert curve.endswith(f"H{RIGHT_EDGE}")


def test_title_and_description_are_read_out_by_id() -> None:
    svg = chart(line("10", "25.50"), identity="report")

    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-labelledby"] == "report-title report-desc"
    description = svg.find(f"{SVG}desc[@id='report-desc']")
    assert description is not None
    assert description.text == "Words. A real ends at 25.5."


def test_words_are_escaped() -> None:
    text = step_chart([line("1", name='<script>"&')], title="<b>", description="a & b", identity='x" onload="alert(1)')

    assert "<script>" not in text
    assert "<b>" not in text
    assert 'onload="' not in text
    assert '<script>"&' in texts(ET.fromstring(text))  # noqa: S314 (our own text)


def test_colours_come_from_the_page_and_text_has_its_colour() -> None:
    text = cumulative_chart(
        [
            {"engine": "A", "kind": "real", "points": [(NOON, Decimal(1))]},
            {"engine": "B", "kind": "shadow", "points": [(NOON, Decimal(-1))]},
        ]
    )

    assert 'stroke="var(--chart-1, #2563eb)"' in text
    assert re.search(r'stroke="var\(--chart-2, #d97706\)" stroke-width="2" stroke-dasharray="6 4"', text)
    assert 'fill="currentColor"' in text


def test_the_same_series_give_the_same_text() -> None:
    assert step_chart([line("1", "2")], title="t", description="d") == step_chart(
        [line("1", "2")], title="t", description="d"
    )


@pytest.mark.parametrize("lines", [(), (Line("A real", 1, False, ()),)])
def test_without_any_point_the_chart_says_so(lines: tuple[Line, ...]) -> None:
    assert texts(chart(*lines)) == ["Nothing to show yet."]


@pytest.mark.parametrize(
    ("amounts", "labels"),
    [
        (("100", "-50"), ["-50", "0", "50", "100"]),
        (("0.03", "0.01"), ["0", "0.01", "0.02", "0.03"]),
        (("12345.67",), ["0", "5,000", "10,000", "15,000"]),
        (("0",), ["0", "0.2", "0.4", "0.6", "0.8", "1"][:2]),
    ],
)
def test_amounts_are_labelled_at_round_numbers_with_zero_among_them(
    amounts: tuple[str, ...], labels: list[str]
) -> None:
    shown = texts(chart(line(*amounts)))

    assert [label for label in labels if label not in shown] == []


@pytest.mark.parametrize(
    ("every", "label"),
    [
        (timedelta(minutes=20), "03-16 12:15"),
        (timedelta(days=1), "2026-03-18"),
        (timedelta(days=40), "2026-06-01"),
        (timedelta(days=400), "2028-01-01"),
    ],
)
def test_times_are_labelled_at_round_moments(every: timedelta, label: str) -> None:
    assert label in texts(chart(line("1", "2", "3", "4", every=every)))


@given(st.lists(st.lists(st.tuples(MOMENTS, AMOUNTS), min_size=1, max_size=20), min_size=1, max_size=4))
def test_everything_drawn_lies_inside_the_picture(series: list[list[Any]]) -> None:
    lines = [Line(f"line {n}", n + 1, n % 2 == 1, sorted(points)) for n, points in enumerate(series)]

    svg = chart(*lines)

    for curve in paths(svg)[: len(lines)]:
        assert all(LEFT <= float(x) <= RIGHT_EDGE for x in re.findall(r"[MH]([\d.-]+)", curve))
        assert all(TOP <= float(y) <= BOTTOM_EDGE for y in re.findall(r"V([\d.-]+)", curve))
    for element in svg.iter(f"{SVG}text"):
        assert 0 <= float(element.attrib["x"]) <= WIDTH
        assert 0 <= float(element.attrib["y"]) <= HEIGHT
    assert len([text for text in texts(svg) if re.fullmatch(r"\d{4}-\d\d-\d\d|\d\d-\d\d \d\d:\d\d", text)]) <= 6
