"""A chart says the same as picture, as table and as file."""

from __future__ import annotations

import pytest
from django.http import Http404
from django.test import RequestFactory

from admin_kit.charts import Chart, Series, csv_answer, is_wide


def chart(**changes: object) -> Chart:
    series = [Series("mean", [0.1, None]), Series("95 %", [(-0.1, 0.3), None], form="interval")]
    given = {"identity": "slices", "title": "Slices", "summary": "Two.", "labels": ["SPY", "=QQQ"], "series": series}
    return Chart(**given | {"label_title": "Symbol", "value_title": "R"} | changes)  # type: ignore[arg-type]


def test_an_interval_takes_two_columns_and_what_is_unknown_stays_empty() -> None:
    found = chart()

    assert found.header == ["Symbol", "mean", "95 %, from", "95 %, to"]
    assert found.rows == [["SPY", 0.1, -0.1, 0.3], ["=QQQ", None, None, None]]


def test_the_file_holds_what_the_table_shows_and_no_formula() -> None:
    request = RequestFactory().get("/", {"csv": "slices", "symbol": "SPY"})

    answer = csv_answer(request, [None, chart()])

    assert answer is not None
    assert answer.content.decode() == 'Symbol,mean,"95 %, from","95 %, to"\r\nSPY,0.1,-0.1,0.3\r\n\'=QQQ,,,\r\n'
    assert answer["Content-Disposition"] == 'attachment; filename="slices.csv"'


def test_a_page_is_no_file_and_an_unknown_chart_is_not_found() -> None:
    assert csv_answer(RequestFactory().get("/"), [chart()]) is None
    with pytest.raises(Http404):
        csv_answer(RequestFactory().get("/", {"csv": "other"}), [chart()])


def test_a_table_of_its_own_stands_in_for_what_the_picture_leaves_out() -> None:
    found = chart(table=(["Trade"], [["12"]]), links=["?symbol=SPY", "?symbol=QQQ"])

    assert (found.header, found.rows, found.linked_rows) == (["Trade"], [["12"]], [("", ["12"])])
    assert chart(links=["?a", "?b"]).linked_rows[1] == ("?b", ["=QQQ", None, None, None])


def test_a_scale_of_powers_is_for_what_lies_far_apart_and_has_no_zero() -> None:
    assert is_wide([5, 101, 7])
    assert not is_wide([5, 100])
    assert not is_wide([0, 5000])
