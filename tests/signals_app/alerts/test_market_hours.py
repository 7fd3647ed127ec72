"""When markets are open and their bars close, whatever the zone, the week, the holidays and the hour of summer time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals_app.alerts.fields import duration
from signals_app.alerts.market_hours import (
    MarketHours,
    after_open_time,
    bar_closes,
    bar_of,
    has_clock,
    open_time,
    sessions,
    zone_of,
)

NEW_YORK = ZoneInfo("America/New_York")
WEEKDAYS = frozenset({1, 2, 3, 4, 5})
STOCKS = MarketHours("America/New_York", WEEKDAYS, time(9, 30), time(16))
# From Sunday evening to Friday afternoon, with an hour's break every day.
FUTURES = MarketHours("America/New_York", frozenset({7, 1, 2, 3, 4}), time(18), time(17))
ALWAYS = MarketHours()
MARKETS = st.sampled_from([STOCKS, FUTURES, ALWAYS, MarketHours("Asia/Tokyo", WEEKDAYS, time(9), time(15, 30))])
MOMENTS = st.timedeltas(timedelta(), timedelta(days=365)).map(lambda since: datetime(2026, 1, 1, tzinfo=UTC) + since)
TIMEFRAMES = st.sampled_from(["1m", "5m", "45m", "1h", "4h", "1d", "1w", "1M"])


def closes(hours: MarketHours, timeframe: str, since: str, until: str) -> list[str]:
    """Bar closes between two local times of New York, as local times."""
    start, end = (datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC) for text in (since, until))
    return [f"{close.astimezone(NEW_YORK):%a %H:%M}" for close in bar_closes(hours, timeframe, start, end)]


def test_bars_of_a_session_are_counted_from_its_opening_and_the_last_one_may_be_short() -> None:
    assert closes(STOCKS, "1h", "2026-03-16", "2026-03-17") == [
        "Mon 10:30", "Mon 11:30", "Mon 12:30", "Mon 13:30", "Mon 14:30", "Mon 15:30", "Mon 16:00",
    ]  # fmt: skip


def test_there_are_no_bars_at_night_on_weekends_and_on_holidays() -> None:
    holidays = ((date(2026, 11, 26), None), (date(2026, 11, 27), time(13)))
    closed = MarketHours(STOCKS.zone, STOCKS.days, STOCKS.opens, STOCKS.closes, holidays)

    found = closes(closed, "2h", "2026-11-25T12:00", "2026-12-01")

    assert found == [
        "Wed 13:30", "Wed 15:30", "Wed 16:00", "Fri 11:30", "Fri 13:00",
        "Mon 11:30", "Mon 13:30", "Mon 15:30", "Mon 16:00",
    ]  # fmt: skip


def test_a_session_may_cross_midnight() -> None:
    assert closes(FUTURES, "4h", "2026-03-15", "2026-03-17") == [
        "Sun 22:00", "Mon 02:00", "Mon 06:00", "Mon 10:00", "Mon 14:00", "Mon 17:00", "Mon 22:00",
    ]  # fmt: skip
    assert closes(FUTURES, "4h", "2026-03-20T13:00", "2026-03-22T17:59") == ["Fri 14:00", "Fri 17:00"]


def test_hours_follow_summer_time() -> None:
    before, after = (
        next(bar_closes(STOCKS, "30m", datetime(2026, 3, day, tzinfo=UTC), datetime(2026, 3, day + 1, tzinfo=UTC)))
        for day in (6, 9)
    )

    assert (before.hour, after.hour) == (15, 14)


@pytest.mark.parametrize(
    ("hours", "timeframe", "expected"),
    [
        (STOCKS, "1d", ["Fri 16:00", "Mon 16:00"]),
        (STOCKS, "1w", ["Fri 16:00"]),
        # Sunday evening belongs to Monday's trading day, and so to the week that begins.
        (FUTURES, "1w", ["Fri 17:00"]),
        (STOCKS, "1M", []),
    ],
)
def test_days_weeks_and_months_end_with_their_last_session(
    hours: MarketHours, timeframe: str, expected: list[str]
) -> None:
    assert closes(hours, timeframe, "2026-03-13", "2026-03-16T23:00") == expected


def test_a_month_ends_with_its_last_session_whatever_day_that_is() -> None:
    ends = [close.astimezone(NEW_YORK).date() for close in bar_closes(
        STOCKS, "1M", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 15, tzinfo=UTC))]  # fmt: skip

    assert ends == [date(2026, 1, 30), date(2026, 2, 27), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 29)]


@pytest.mark.parametrize(
    ("timeframe", "expected"),
    [("5m", True), ("30s", True), ("4h", True), ("1d", True), ("1w", True), ("1M", True),
     ("2d", False), ("3M", False), ("10R", False), ("10d", False), ("100T", False), ("", False)],
)  # fmt: skip
def test_bars_without_a_clock_of_their_own_are_expected_at_no_time(timeframe: str, expected: bool) -> None:
    assert has_clock(timeframe) is expected


@given(MARKETS, TIMEFRAMES, MOMENTS, st.timedeltas(timedelta(), timedelta(days=9)), st.floats(0, 1))
def test_looking_twice_finds_what_looking_once_finds(
    hours: MarketHours, timeframe: str, start: datetime, length: timedelta, part: float
) -> None:
    end = start + min(length, duration(timeframe) * 40)
    middle = start + (end - start) * part

    at_once = list(bar_closes(hours, timeframe, start, end))

    assert at_once == [*bar_closes(hours, timeframe, start, middle), *bar_closes(hours, timeframe, middle, end)]
    assert all(start < close <= end for close in at_once)
    assert all(one < other for one, other in pairwise(at_once))


@given(MARKETS, TIMEFRAMES, MOMENTS)
def test_the_bar_of_a_moment_is_the_latest_that_had_closed(
    hours: MarketHours, timeframe: str, moment: datetime
) -> None:
    found = bar_of(hours, timeframe, moment)

    assert found is not None
    assert found <= moment
    assert list(bar_closes(hours, timeframe, found, moment)) == []
    assert bar_of(hours, timeframe, found) == found


@pytest.mark.parametrize(
    ("timeframe", "moment", "bar"),
    [
        ("1h", "2026-03-16T10:29:59", "Fri 16:00"),
        ("1h", "2026-03-16T10:30:00", "Mon 10:30"),
        ("45m", "2026-03-16T11:50:00", "Mon 11:45"),
        # The last hour of the day has only half of it.
        ("1h", "2026-03-16T15:59:59", "Mon 15:30"),
        ("1h", "2026-03-16T16:00:00", "Mon 16:00"),
        ("1h", "2026-03-16T22:00:00", "Mon 16:00"),
        ("1d", "2026-03-16T16:00:00", "Mon 16:00"),
        ("1d", "2026-03-16T15:59:59", "Fri 16:00"),
        ("1w", "2026-03-18T22:00:00", "Fri 16:00"),
    ],
)
def test_the_latest_bar_of_a_stock(timeframe: str, moment: str, bar: str) -> None:
    found = bar_of(STOCKS, timeframe, datetime.fromisoformat(moment).replace(tzinfo=NEW_YORK).astimezone(UTC))

    assert found is not None
    assert f"{found.astimezone(NEW_YORK):%a %H:%M}" == bar


def test_days_are_those_of_the_market_even_where_utc_has_another() -> None:
    auckland = MarketHours("Pacific/Auckland", WEEKDAYS, time(10), time(17))
    # Half past eleven on Tuesday there, and still Monday in UTC.
    moment = datetime(2026, 3, 16, 22, 30, tzinfo=UTC)

    assert bar_of(auckland, "1h", moment) == datetime(2026, 3, 16, 22, tzinfo=UTC)
    assert [session.day for session in sessions(auckland, moment, moment)] == [date(2026, 3, 17)]
    assert list(bar_closes(auckland, "1h", moment, moment + timedelta(minutes=30))) == [
        datetime(2026, 3, 16, 23, tzinfo=UTC)
    ]


def test_edges_belong_to_the_bar_that_closes_there() -> None:
    opens, end = (datetime(2026, 3, 16, hour, tzinfo=NEW_YORK).astimezone(UTC) for hour in (10, 16))

    assert list(sessions(STOCKS, end, end)) == []
    assert list(bar_closes(STOCKS, "30m", opens, opens)) == []
    assert list(bar_closes(STOCKS, "30m", opens - timedelta(microseconds=1), opens)) == [opens]
    assert list(bar_closes(STOCKS, "1d", end, end)) == []
    assert list(bar_closes(STOCKS, "1d", end - timedelta(microseconds=1), end)) == [end]


def test_an_open_moment_is_a_session_to_look_at() -> None:
    opens = datetime(2026, 3, 16, 9, 30, tzinfo=NEW_YORK).astimezone(UTC)

    assert [session.opens for session in sessions(STOCKS, opens - timedelta(hours=1), opens)] == [opens]
    assert after_open_time(STOCKS, opens, timedelta(hours=6, minutes=30)) == opens + timedelta(hours=6, minutes=30)


@given(MARKETS, st.sampled_from(["1m", "5m", "45m", "1h"]), MOMENTS)
def test_every_bar_lies_within_a_session(hours: MarketHours, timeframe: str, moment: datetime) -> None:
    until = moment + timedelta(days=2)
    open_at = [(session.opens, session.closes) for session in sessions(hours, moment, until)]

    for close in bar_closes(hours, timeframe, moment, until):
        assert any(opens < close <= closes_at for opens, closes_at in open_at)


@given(MARKETS, MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=20)))
def test_open_time_passes_only_while_the_market_is_open(
    hours: MarketHours, since: datetime, lasting: timedelta
) -> None:
    until = after_open_time(hours, since, lasting)

    assert until is not None
    assert open_time(hours, since, until) == lasting
    assert until - since >= lasting


def test_a_market_that_never_opens_has_no_time_to_wait_for() -> None:
    never = MarketHours(days=frozenset())

    assert after_open_time(never, datetime(2026, 3, 16, tzinfo=UTC), timedelta(minutes=1)) is None
    assert bar_of(never, "5m", datetime(2026, 3, 16, tzinfo=UTC)) is None
    assert bar_of(never, "1d", datetime(2026, 3, 16, tzinfo=UTC)) is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "America", "x" * 300])
def test_what_is_no_zone_is_said_to_be_none(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        zone_of(name)
