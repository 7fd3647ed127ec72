"""Sums of whole months: with them the report says what the days say, and reads no day of theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from outcomes.models import ReportCell, ReportMark, ReportMonth
from outcomes.performance.months import add_up_months
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.outcomes.closed_trades import Closed, add_up, close_pair
from tests.outcomes.performance.test_scope import ANY, differing
from tests.threads import in_background, uncommitted, wait_for_blocked_sessions

pytestmark = pytest.mark.django_db
JANUARY, MARCH, APRIL, JULY = (date(2026, month, 1) for month in (1, 3, 4, 7))
EXITS = [datetime(2026, month, day, 19, tzinfo=UTC) for month in (1, 3, 4, 7) for day in (5, 19)]
FILTERS = (
    ANY,
    PerformanceFilters(symbol="SPY"),
    PerformanceFilters(currency="EUR"),
    PerformanceFilters(symbol="SPY", hour=10),
    # Whole months; from within one to within another; from and to midnight in New York.
    PerformanceFilters(since=datetime(2026, 1, 1, 5, tzinfo=UTC), until=datetime(2026, 7, 1, 4, tzinfo=UTC)),
    PerformanceFilters(since=EXITS[1], until=EXITS[-1]),
    PerformanceFilters(since=datetime(2026, 3, 12, 4, tzinfo=UTC), until=datetime(2026, 4, 19, 4, tzinfo=UTC)),
)


@pytest.fixture(autouse=True)
def _history() -> None:
    """Four months with gains and losses, so that a fall lasts from one to the next; every day added up."""
    for number, moment in enumerate(EXITS):
        pnl = str(50 - 17 * (number * number % 11))
        closed = Closed(a=pnl, b=str(number), exit_time=moment, currency="EUR" if number % 5 == 4 else "USD")
        close_pair("AB"[number % 2], closed, symbol=("SPY", "QQQ")[number % 3 == 0])
    add_up()


def kept() -> list[date]:
    return sorted(set(ReportMonth.objects.filter(slice=None).values_list("day", flat=True)))


def said() -> list[Any]:
    """Everything that reports say, but the moment at which they say it."""
    return [{**performance_report(filters), "as_of": None} for filters in FILTERS]


def test_the_report_says_what_the_days_say_whichever_months_are_added_up() -> None:
    of_days = said()

    assert add_up_months() == 4
    assert kept() == [JANUARY, MARCH, APRIL, JULY]
    assert said() == of_days
    # Gaps at the beginning, in the middle and at the end.
    for lost in (MARCH, JULY, JANUARY):
        ReportMonth.objects.filter(day=lost).delete()
        assert said() == of_days


def test_no_day_of_a_month_that_is_added_up_is_read() -> None:
    by_one_filter = PerformanceFilters(symbol="QQQ")
    add_up_months()
    before = [performance_report(filters)["engines"] for filters in (ANY, by_one_filter)]

    ReportCell.objects.update(n=1_000, total=1, fall=10**6)

    assert [performance_report(filters)["engines"] for filters in (ANY, by_one_filter)] == before
    # Control: these sums are read where the month has none.
    ReportMonth.objects.filter(day=MARCH).delete()
    assert performance_report(ANY)["engines"] != before[0]


def test_a_day_that_is_made_anew_takes_its_month_away_until_that_is_added_up_again() -> None:
    add_up_months()
    before: list[Any] = list(ReportMonth.objects.filter(day=MARCH))

    close_pair("A", Closed(a="7.00", b="2.00", exit_time=EXITS[2] + timedelta(days=1)))
    assert differing(ANY) == []
    add_up()
    assert kept() == [JANUARY, APRIL, JULY]
    assert differing(ANY) == []
    assert add_up_months() == 1
    assert differing(ANY) == []

    # Control: the month as it was says something else.
    ReportMonth.objects.filter(day=MARCH).delete()
    ReportMonth.objects.bulk_create(before)
    assert any("total_pnl" in part for part in differing(ANY))


def test_a_month_is_added_up_once_it_is_over_and_no_day_of_it_is_about_to_change() -> None:
    close_pair("A", Closed(a="7.00", b="2.00", exit_time=datetime.now(UTC) + timedelta(days=40)))
    add_up()
    ReportMark.objects.create(day=date(2026, 3, 31), due_at=EXITS[0])

    # Who has no time left comes again.
    assert add_up_months(seconds=-1) == 0
    assert add_up_months(seconds=60) == 3

    assert kept() == [JANUARY, APRIL, JULY]


@pytest.mark.django_db(transaction=True)
def test_months_that_two_workers_add_up_at_once_are_there_once() -> None:
    with uncommitted(add_up_months) as commit, in_background(add_up_months) as other:
        wait_for_blocked_sessions()
        commit()
        assert other.result() == 4

    assert differing(ANY) == []
