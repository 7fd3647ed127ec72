"""The list of signals with their decisions and results: narrowed by its facets, sorted where an index serves it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from experiments.models import Experiment
from kernel.values import format_timestamp
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.closed_trades import EXIT_TIME, Closed, close_pair
from tests.outcomes.desk import make_desk

pytestmark = pytest.mark.django_db
LIST = "admin:experiments_experiment_changelist"
# What each period finds on New Year's Day 2025, newest first.
PERIODS = {
    "today": ["01-01"],
    "yesterday": ["12-31"],
    "this-week": ["01-01", "12-31", "12-30"],
    "last-week": ["12-29", "12-23"],
    "this-month": ["01-01"],
    "last-month": ["12-31", "12-30", "12-29", "12-23", "12-01"],
    "this-year": ["01-01"],
}


@pytest.fixture
def desk() -> dict[str, Experiment]:
    """A signal with both results, one without trades that engine B would trade, and one whose real trade is open."""
    opened = make_desk("A", symbol="IWM")
    opened.open_real()
    return {
        "SPY": close_pair("A", Closed(a="1234.567", b="-0.004", exit_time=EXIT_TIME), symbol="SPY"),
        "QQQ": make_experiment("B", symbol="QQQ", timeframe="1h"),
        "IWM": opened.experiment,
    }


def listed(client: Client, **query: str) -> list[str]:
    """The symbols of the list."""
    return [row.signal.symbol for row in client.get(reverse(LIST), query).context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"signal__symbol": "spy"}, {"SPY"}),
        ({"signal__timeframe": "1h"}, {"QQQ"}),
        ({"state": "open"}, {"IWM"}),
        ({"state": "closed"}, {"SPY"}),
        ({"state": "none"}, {"QQQ"}),
        ({"result": "both"}, {"SPY"}),
        ({"result": "some"}, {"SPY"}),
        ({"traded": "B"}, {"QQQ"}),
        ({"traded": "A", "state": "open"}, {"IWM"}),
        ({"policy_version": "v4"}, {"QQQ"}),
        ({"policy_version": "999"}, set()),
        ({"policy_version": "two"}, set()),
    ],
)
def test_facets_narrow_the_list(desk: dict[str, Experiment], query: dict[str, str], expected: set[str]) -> None:
    found = listed(logged_in("viewer"), **query)

    assert (set(found), len(found)) == (expected, len(expected))


# Within one transaction all would have come at the same moment.
@pytest.mark.django_db(transaction=True)
def test_a_period_is_since_a_moment_and_before_another(desk: dict[str, Experiment]) -> None:
    viewer = logged_in("viewer")
    moments = {symbol: format_timestamp(experiment.created_at) for symbol, experiment in desk.items()}

    assert listed(viewer) == ["QQQ", "SPY", "IWM"]
    assert listed(viewer, created_at__gte=moments["SPY"]) == ["QQQ", "SPY"]
    assert listed(viewer, created_at__lt=moments["SPY"]) == ["IWM"]
    assert listed(viewer, created_at__gte=moments["SPY"], created_at__lt=moments["QQQ"]) == ["SPY"]


def test_market_dates_are_whole_days_of_new_york_and_sorted_by() -> None:
    # The first and the last second of 5 June there, and one beside each; none came when it says.
    moments = {
        "BEFORE": datetime(2014, 6, 5, 3, 59, 59, tzinfo=UTC),
        "LAST": datetime(2014, 6, 6, 3, 59, 59, tzinfo=UTC),
        "FIRST": datetime(2014, 6, 5, 4, tzinfo=UTC),
        "AFTER": datetime(2014, 6, 6, 4, tzinfo=UTC),
    }
    for symbol, moment in moments.items():
        make_experiment(symbol=symbol, timestamp=moment)
    viewer = logged_in("viewer")

    assert listed(viewer, market_date_from="2014-06-05", market_date_to="2014-06-05") == ["LAST", "FIRST"]
    assert listed(viewer, market_date_from="2014-06-05") == ["AFTER", "LAST", "FIRST"]
    assert listed(viewer, market_date_to="2014-06-05") == ["LAST", "FIRST", "BEFORE"]
    page = viewer.get(reverse(LIST), {"market_date_from": "2014-06-05"}).content.decode()
    assert '<input type="date" name="market_date_from" value="2014-06-05"' in page


def test_a_period_is_of_the_calendar_in_new_york(monkeypatch: pytest.MonkeyPatch) -> None:
    days = [date(2024, 11, 30), *(date(2024, 12, day) for day in (1, 23, 29, 30, 31)), date(2025, 1, 1)]
    for day in days:
        make_experiment(symbol=f"{day:%m-%d}", timestamp=datetime(day.year, day.month, day.day, 15, tzinfo=UTC))
    # There it is still New Year's Day, a Wednesday.
    clock = SimpleNamespace(now=lambda: datetime(2025, 1, 2, 2, tzinfo=UTC))
    monkeypatch.setattr("admin_kit.filters.timezone", clock)
    viewer = logged_in("viewer")

    found = {period: listed(viewer, market_date=period) for period in (*PERIODS, "no-such-period")}

    assert found == PERIODS | {"no-such-period": [f"{day:%m-%d}" for day in days][::-1]}


def test_a_search_for_a_symbol_and_a_day_becomes_the_facets_that_it_names() -> None:
    for symbol, day in (("SPY", 5), ("SPY", 6), ("QQQ", 5)):
        make_experiment(symbol=symbol, timestamp=datetime(2014, 6, day, 15, tzinfo=UTC))
    viewer = logged_in("viewer")

    def searched(text: str, **query: str) -> list[tuple[str, int]]:
        shown = viewer.get(reverse(LIST), {"q": text, **query}, follow=True)
        return sorted((row.signal.symbol, row.signal.timestamp.day) for row in shown.context["cl"].result_list)

    assert searched("spy 2014-06-05") == searched("2014-06-05 SPY", p="3", market_date="today") == [("SPY", 5)]
    assert searched("2014-06-05") == [("QQQ", 5), ("SPY", 5)]
    assert searched("2014-06-05", signal__symbol="QQQ") == [("QQQ", 5)]
    assert searched("SPY 2014-02-30") == searched("SPY QQQ 2014-06-05") == searched("9999-12-31") == []
    answer = viewer.get(reverse(LIST), {"q": "spy 2014-06-05", "columns": "fired"})
    assert answer.headers["Location"] == (
        f"{reverse(LIST)}?columns=fired&signal__symbol=SPY&market_date_from=2014-06-05&market_date_to=2014-06-05"
    )


@pytest.mark.parametrize("text", ["yesterday", "2014-02-30", "9999-12-31"])
def test_a_text_that_is_no_day_is_said_to_be_ignored(text: str) -> None:
    page = logged_in("viewer").get(reverse(LIST), {"market_date_to": text}, follow=True)

    assert "unknown filter or page, which was ignored" in page.content.decode()


def test_a_text_that_is_no_moment_is_said_to_be_ignored(desk: dict[str, Experiment]) -> None:
    page = logged_in("viewer").get(reverse(LIST), {"created_at__gte": "yesterday"}, follow=True)

    assert len(page.context["cl"].result_list) == 3
    assert "unknown filter or page, which was ignored" in page.content.decode()


@pytest.mark.parametrize(
    ("narrowed", "sorted_by"),
    [
        ({}, {"created_at", "market_date"}),
        ({"market_date_from": "2010-01-01"}, {"market_date"}),
        ({"market_date": "today"}, {"market_date"}),
        ({"signal__symbol": "SPY"}, {"market_date"}),
        ({"signal__symbol": "SPY", "created_at_within": "24h"}, {"created_at"}),
        ({"q": "SPY"}, {"market_date"}),
        ({"created_at_within": "24h"}, {"created_at"}),
        ({"created_at__gte": "2010-01-01T00:00:00Z"}, {"created_at"}),
    ],
)
def test_a_list_narrowed_by_one_time_is_sorted_by_no_other(narrowed: dict[str, str], sorted_by: set[str]) -> None:
    assert set(logged_in("viewer").get(reverse(LIST), narrowed).context["cl"].sortable_by) == sorted_by


@pytest.mark.django_db(transaction=True)
def test_the_list_can_be_turned_round_and_is_sorted_by_no_column_without_an_index(desk: dict[str, Any]) -> None:
    viewer = logged_in("viewer")
    newest = listed(viewer)
    columns = list(viewer.get(reverse(LIST)).context["cl"].list_display)
    fired = [row.signal.symbol for row in sorted(desk.values(), key=lambda row: row.signal.timestamp)]

    assert listed(viewer, o=str(columns.index("created_at"))) == newest[::-1]
    assert listed(viewer, o=str(columns.index("market_date"))) == fired
    assert listed(viewer, o=f"-{columns.index('market_date')}") == fired[::-1]
    for place in {*range(len(columns) + 2)} - {columns.index("created_at"), columns.index("market_date")}:
        assert listed(viewer, o=str(place)) == newest


def test_a_signal_without_a_trade_says_what_each_engine_did() -> None:
    both, one, _, late = (
        make_desk("A", symbol=symbol, recommended=False) for symbol in ("BOTH", "ONE", "SILENT", "LATE")
    )
    for desk in (both, one):
        desk.b.recommend(desk.experiment, action="DECLINE")
    both.a.recommend(both.experiment, action="DECLINE")
    for engine in (late.a, late.b):
        engine.recommend(late.experiment)

    shown = logged_in("viewer").get(reverse(LIST)).context["cl"]

    states = {row.signal.symbol: re.sub("<[^>]*>", "", shown.model_admin.state(row)) for row in shown.result_list}
    assert states == {
        "BOTH": "no trade: both declined",
        "ONE": "no trade: A has not answered, B declined",
        "SILENT": "no trade: neither has answered",
        "LATE": "no trade: neither has reported a trade",
    }


def test_a_signal_that_only_one_engine_traded_says_which_kind_and_what_the_other_did() -> None:
    shadow, real = (make_desk("A", symbol=symbol, recommended=False) for symbol in ("SHADOW", "REAL"))
    for desk, declining, opening in ((shadow, "a", "b"), (real, "b", "a")):
        getattr(desk, declining).recommend(desk.experiment, action="DECLINE")
        getattr(desk, opening).recommend(desk.experiment)
    shadow.b.open(shadow.experiment, "SHADOW")
    real.a.close(real.open_real())

    shown = logged_in("viewer").get(reverse(LIST)).context["cl"]

    states = {row.signal.symbol: re.sub("<[^>]*>", "", shown.model_admin.state(row)) for row in shown.result_list}
    assert states == {"SHADOW": "open, shadow only: A declined", "REAL": "real only: B declined"}


def test_amounts_are_shown_to_the_cent_and_kept_exact(desk: dict[str, Experiment]) -> None:
    page = logged_in("viewer").get(reverse(LIST), {"signal__symbol": "SPY"}).content.decode()

    assert 'title="1234.567">▲ +1,234.57</span> <small class="to-muted">USD</small>' in page
    assert "▼ −0.004</span>" in page
