"""The rows page: lists of each kind, sorted and paged by place, and whole as files."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import Client
from django.urls import reverse

from kernel.values import decimal_text, format_timestamp
from orchestrator_site.console import rows_page
from outcomes.models import RealOutcome
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.closed_trades import EXIT_TIME, Closed, add_up, break_rule, close_pair

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def analyst() -> Client:
    return logged_in("analyst")


def given_pairs() -> None:
    """Close seven pairs on five days; one is unpriced, one broke a rule."""
    for number, (a, b) in enumerate([("10", "1"), ("-20", "5"), ("30", "30"), ("-40", "0"), ("50", "-3")]):
        close_pair("AB"[number % 2], Closed(a=a, b=b, exit_time=EXIT_TIME - number * DAY), symbol="SPY")
    close_pair("A", Closed(a="7", b=None), symbol="QQQ")
    break_rule(close_pair("A", Closed(a="8", b="900"), symbol="QQQ"), "B")


def read(analyst: Client, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list, one after another, by the links between them."""
    found: list[dict[str, Any]] = []
    address = f"{reverse('admin:rows')}?" + "&".join(f"{name}={value}" for name, value in query.items())
    while True:
        context = analyst.get(address).context
        found += context["rows"]
        if context["next"] is None:
            return found
        address = f"{reverse('admin:rows')}?{context['next']}"


@pytest.mark.parametrize("added_up", [False, True], ids=["from the rows", "from the sums of days"])
def test_pages_of_every_order_hold_each_row_once(
    analyst: Client, added_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_pairs()
    if added_up:
        add_up()
    monkeypatch.setattr(rows_page, "PAGE", 2)

    newest = [row["exit_time"] for row in read(analyst, kind="paired")]
    assert newest == sorted(newest, reverse=True)
    assert [row["exit_time"] for row in read(analyst, kind="paired", order="oldest")] == newest[::-1]
    assert len(newest) == 7
    best = [row["pnl"] for row in read(analyst, kind="paired", order="best")]
    assert best == [Decimal(each) for each in (53, 9, 0, -25, -40)]
    assert [row["pnl"] for row in read(analyst, kind="paired", order="worst")] == best[::-1]
    assert [row["b_pnl"] for row in read(analyst, kind="paired", order="best")] == [-3, 1, 30, 5, 0]
    assert analyst.get(reverse("admin:rows"), {"kind": "paired"}).context["count"] == 7


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_pages_by_result_hold_equal_ones_once_however_many_and_on_whatever_day(
    analyst: Client, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, pnl in enumerate([-5, -5, -5, -5, 7, 0, -5, 7]):
        close_pair("A", Closed(a=str(pnl), b="0", exit_time=EXIT_TIME - number // 3 * DAY))
    add_up()
    close_pair("A", Closed(a="-5", b="0", exit_time=EXIT_TIME - DAY))  # this day is read from its rows
    monkeypatch.setattr(rows_page, "PAGE", size)

    for order, expected in (("worst", [-5] * 6 + [0, 7, 7]), ("best", [7, 7, 0] + [-5] * 6)):
        rows = read(analyst, order=order)
        assert [row["pnl"] for row in rows] == expected
        # Equal ones in the order of their exits.
        places = [(row["pnl"], row["exit_time"]) for row in rows]
        assert places == sorted(places, reverse=order == "best")
        assert len({row["id"] for row in rows}) == 9


def test_real_and_shadow_trades_are_lists_of_their_own_and_narrowed_like_the_report(analyst: Client) -> None:
    given_pairs()
    add_up()

    assert {row["kind"] for row in read(analyst)} == {"real"}
    assert [row["engine"] for row in read(analyst, kind="shadow", engine="A")] == ["A", "A"]
    assert {row["symbol"] for row in read(analyst, symbol="spy", order="worst")} == {"SPY"}
    assert [row["pnl"] for row in read(analyst, engine="A", order="worst", symbol="SPY")] == [10, 30, 50]


def test_what_counts_nowhere_says_why(analyst: Client) -> None:
    given_pairs()

    notes = {row["notes"] for row in read(analyst, kind="paired", symbol="QQQ")}

    assert notes == {"unpriced", "broke a rule, left out of the figures"}


def test_files_hold_all_rows_oldest_first(analyst: Client) -> None:
    given_pairs()
    add_up()

    text = analyst.get(reverse("admin:rows_export", args=("csv",)), {"kind": "paired"})
    columns = analyst.get(reverse("admin:rows_export", args=("parquet",)), {"kind": "paired"})

    rows = list(csv.DictReader(io.StringIO(b"".join(text).decode())))
    table = pq.read_table(io.BytesIO(b"".join(columns))).to_pylist()
    assert [row["experiment_id"] for row in rows] == [row["experiment_id"] for row in table]
    assert [row["exit_time"] for row in rows] == sorted(row["exit_time"] for row in rows)
    assert [Decimal(row["pnl"]) for row in rows[:4]] == [53, -40, 0, -25]
    assert [row["b_pnl"] for row in table[:4]] == [-3, 0, 30, 5]
    assert len(rows) == 7


@pytest.mark.parametrize(
    ("strategy", "cell"),
    [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+a", "'+a"), ("-2.5", "-2.5"), ("a, b", "a, b"), ("", "")],
)
def test_text_in_a_file_runs_nothing_and_stays_as_it_is_in_parquet(analyst: Client, strategy: str, cell: str) -> None:
    close_pair("A", Closed(a="-1", b="2"), strategy=strategy)

    text = analyst.get(reverse("admin:rows_export", args=("csv",)))
    columns = analyst.get(reverse("admin:rows_export", args=("parquet",)))

    (row,) = csv.DictReader(io.StringIO(b"".join(text).decode()))
    (same,) = pq.read_table(io.BytesIO(b"".join(columns))).to_pylist()
    assert (row["strategy"], row["pnl"]) == (cell, "-1.00")
    assert (same["strategy"], same["pnl"]) == (strategy, -1)


def test_a_file_writes_values_as_everything_else_does(analyst: Client) -> None:
    close_pair("A", Closed(a="0.125", b="100.50"))

    text = analyst.get(reverse("admin:rows_export", args=("csv",)))

    (row,) = csv.DictReader(io.StringIO(b"".join(text).decode()))
    outcome = RealOutcome.objects.get()
    assert outcome.pnl is not None
    assert row["pnl"] == decimal_text(outcome.pnl) == "0.125"
    assert row["exit_time"] == format_timestamp(outcome.exit_time)
    assert row["r"] == str(float(outcome.pnl / outcome.risk_amount))
    assert (row["unpriced"], row["experiment_id"]) == ("false", str(outcome.experiment_id))


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x", "id": "y"},
        {"after": "2026-03-16T00:00:00Z"},
        {"order": "best", "after": "2026-03-16T00:00:00Z", "pnl": "NaN", "id": "0" * 32},
    ],
)
def test_a_place_that_is_none_is_refused(analyst: Client, query: dict[str, str]) -> None:
    assert analyst.get(reverse("admin:rows"), query).status_code == 400


def test_a_wrong_filter_lists_nothing(analyst: Client) -> None:
    page = analyst.get(reverse("admin:rows"), {"kind": "everything"})

    assert (list(page.context["form"].errors), "rows" in page.context) == (["kind"], False)
    assert analyst.get(reverse("admin:rows_export", args=("csv",)), {"variant": "C"}).status_code == 400
    unknown = analyst.get(reverse("admin:rows_export", args=("csv",)), {"symbl": "SPY"})
    assert (unknown.status_code, unknown.json()) == (400, {"errors": {"symbl": ["Unknown filter."]}})
    assert analyst.get(reverse("admin:rows_export", args=("exe",))).status_code == 404
