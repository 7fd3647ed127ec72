"""When a market is open, and when its bars close: what an alert for every bar is expected by.

All instants are aware and in UTC; only the hours themselves are local, so that they follow daylight saving time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from signals_app.alerts.fields import duration

ALL_DAYS = frozenset(range(1, 8))
_DAY = timedelta(days=1)
# Longer than any market is closed, holidays included.
_LONGEST_CLOSED = 21
# Two months, so that one bar of the longest timeframe lies within.
_LOOKED_BACK = 62
# Of these only one bar at a time has an end that the hours alone tell: one session, week or month.
_CALENDAR = frozenset({"1d", "1w", "1M"})
_CALENDAR_UNITS = frozenset("dwM")


@dataclass(frozen=True, slots=True)
class MarketHours:
    """The sessions of a market: on which days they begin (ISO, Monday is 1), and from when to when, in local time.

    Without times a session is the whole day. One that closes at or before its opening time does so on the next day.
    ``holidays`` are the days on which no session begins, or with a time those on which it closes early.
    """

    zone: str = "UTC"
    days: frozenset[int] = ALL_DAYS
    opens: time | None = None
    closes: time | None = None
    holidays: tuple[tuple[date, time | None], ...] = ()

    @property
    def are_all(self) -> bool:
        """Whether they leave out no hour of the week: of a market that never closes, or nobody has set them."""
        return self.days == ALL_DAYS and self.opens == self.closes


@dataclass(frozen=True, slots=True)
class Session:
    """One session; both ends are in UTC. ``day`` is the local day to which its bars belong, that of its end."""

    opens: datetime
    closes: datetime
    day: date


def zone_of(name: str) -> tzinfo:
    """The time zone of this IANA name; raise ValueError for any other text."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name} is not a time zone.") from error


def sessions(hours: MarketHours, since: datetime, until: datetime) -> Iterator[Session]:
    """The sessions that have not closed by `since` and have opened by `until`, in order."""
    zone = zone_of(hours.zone)
    # One that crosses midnight began the day before.
    day, last = since.astimezone(zone).date() - _DAY, until.astimezone(zone).date()
    while day <= last:
        session = _session(hours, day)
        if session is not None and session.closes > since and session.opens <= until:
            yield session
        day += _DAY


@lru_cache(maxsize=4096)
def _session(hours: MarketHours, day: date) -> Session | None:
    """The session that begins on this local day, None when there is none."""
    if day.isoweekday() not in hours.days:
        return None
    zone, closes = zone_of(hours.zone), hours.closes
    for holiday, early in hours.holidays:
        if holiday == day:
            if early is None:
                return None
            closes = early
    opens = hours.opens or time()
    closing_day = day if closes is not None and closes > opens else day + _DAY
    start = datetime.combine(day, opens, zone).astimezone(UTC)
    end = datetime.combine(closing_day, closes or time(), zone).astimezone(UTC)
    # Midnight ends the day before it.
    return Session(start, end, (end - timedelta.resolution).astimezone(zone).date())


def has_clock(timeframe: str) -> bool:
    """Whether bars of this canonical timeframe close at times that the hours tell.

    Bars of ranges and ticks close when they close, and of several days, weeks or months nobody says where they begin.
    """
    is_counted = timeframe != "" and timeframe[-1] not in _CALENDAR_UNITS
    return timeframe in _CALENDAR or (is_counted and bool(duration(timeframe)))


def bar_closes(hours: MarketHours, timeframe: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """When the bars of a timeframe with a clock close, later than `after` and not later than `until`, in order.

    Bars of minutes and hours are counted from the opening of their session, and its last one may be shorter.
    """
    if timeframe in _CALENDAR:
        yield from _calendar_closes(hours, timeframe, after, until)
        return
    length = duration(timeframe)
    for session in sessions(hours, after, until):
        count = max((after - session.opens) // length, 0) + 1
        while (close := min(session.opens + count * length, session.closes)) <= until:
            if close > after:
                yield close
            if close == session.closes:
                break
            count += 1


def _calendar_closes(hours: MarketHours, timeframe: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """The ends of sessions, or of the last ones of their weeks or months."""
    # Which one is the last shows only when the next is known.
    ahead = timedelta() if timeframe == "1d" else _DAY * _LONGEST_CLOSED
    last: Session | None = None
    for session in sessions(hours, after, until + ahead):
        if last is not None and _period(timeframe, last.day) != _period(timeframe, session.day) and last.closes > after:
            yield last.closes
        last = session
        if session.closes > until:
            return
    if last is not None:
        yield last.closes


def _period(timeframe: str, day: date) -> tuple[int, ...]:
    if timeframe == "1d":
        return (day.toordinal(),)
    return day.isocalendar()[:2] if timeframe == "1w" else (day.year, day.month)


def bar_of(hours: MarketHours, timeframe: str, moment: datetime) -> datetime | None:
    """The close of the latest bar that had closed by then; None when there was none for two months."""
    if timeframe in _CALENDAR:
        return max(bar_closes(hours, timeframe, moment - _DAY * _LOOKED_BACK, moment), default=None)
    length = duration(timeframe)
    day = moment.astimezone(zone_of(hours.zone)).date()
    for days in range(_LOOKED_BACK):
        session = _session(hours, day - days * _DAY)
        if session is None or min(session.opens + length, session.closes) > moment:
            continue
        within = session.opens + (moment - session.opens) // length * length
        return within if moment < session.closes else session.closes
    return None


def open_time(hours: MarketHours, since: datetime, until: datetime) -> timedelta:
    """How long the market was open between the two."""
    parts = (min(s.closes, until) - max(s.opens, since) for s in sessions(hours, since, until))
    return sum((part for part in parts if part > timedelta()), timedelta())


def after_open_time(hours: MarketHours, since: datetime, lasting: timedelta) -> datetime | None:
    """When the market will have been open for that long since then; None when it will not within a year."""
    for session in sessions(hours, since, since + timedelta(days=366)):
        start = max(session.opens, since)
        if session.closes - start >= lasting:
            return start + lasting
        lasting -= session.closes - start
    return None
