"""Which alerts a source should have sent and did not: bars, numbers, and a silence that is longer than it ever was.

Each function says what is missing from what has come and from the time up to which all that came is known. What was
accounted for once is never asked for again, so that it makes no difference how often anybody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple, TypeVar

from kernel.errors import DomainError
from signals_app.alerts.alert import open_envelope
from signals_app.alerts.decoding import decode_alert
from signals_app.alerts.fields import (
    Fields,
    duration,
    read_exchange,
    read_sequence,
    read_strategy,
    read_symbol,
    read_timeframe,
    read_timestamp,
)
from signals_app.alerts.market_hours import MarketHours, bar_closes, bar_of, has_clock, open_time

T = TypeVar("T")

# One look names no more bars of one clock than these; the next look names the next.
MOST_BARS = 1000
# Numbers that jump farther are another count, not so many lost alerts.
MOST_NUMBERS = 1000
# A sender's clock may be early by so much, or by a tenth of a bar if that is less.
_EARLY = timedelta(seconds=5)

# Alerts closer together than this are one occasion, such as the close of a bar on many charts.
_OCCASION = timedelta(seconds=60)
SILENCES_KEPT = 100
_LEARNED_FROM_ALERTS, _LEARNED_FROM = 20, timedelta(days=5)
_SHORTEST_ALARM = timedelta(minutes=5)
# An alarm is a silence three times as long as nineteen of twenty were.
_USUAL, _UNUSUAL = 0.95, 3
# Of the weeks before, which tell the hours in which a source is heard where nobody has set them.
_WEEK, _WEEKS = timedelta(days=7), 2


class Stream(NamedTuple):
    """Alerts that have one clock or one count; exchange, timeframe and strategy are "" when alerts name none."""

    exchange: str
    symbol: str
    timeframe: str
    strategy: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An alert as far as it tells whether another is missing; `fired_at` and `sequence` are None when absent.

    Where only the opening of the bar is told, `fired_at` is its close.
    """

    stream: Stream
    received_at: datetime
    fired_at: datetime | None
    sequence: int | None


def hear(body: bytes, received_at: datetime) -> Heard | None:
    """What the kept body of a delivery tells; None when it names no symbol.

    What the webhook rejected for another reason counts: it came, and its delivery says what was wrong with it.
    """
    try:
        fields = Fields(open_envelope(decode_alert(body)))
        symbol = read_symbol(fields)
    except DomainError:
        return None

    def told(read: Callable[[Fields], T]) -> T | None:
        try:
            return read(fields)
        except DomainError:
            return None

    exchange = told(lambda found: read_exchange(found, symbol))
    timeframe, timestamp, strategy = told(read_timeframe), told(read_timestamp), told(read_strategy)
    named = timeframe.value if timeframe else ""
    fired_at = timestamp.value if timestamp else None
    if timestamp is not None and timestamp.is_bar_open and named:
        fired_at = timestamp.value + duration(named)
    sequence = read_sequence(fields)
    stream = Stream(exchange.value if exchange else "", symbol.value, named, strategy.value if strategy else "")
    return Heard(stream, received_at, fired_at, sequence.value if sequence else None)


def bar_heard(heard: Heard, hours: MarketHours, timeframe: str) -> datetime | None:
    """The close of the bar that the alert is about; None when the timeframe has no clock."""
    if not has_clock(timeframe):
        return None
    moment = heard.received_at if heard.fired_at is None else min(heard.fired_at, heard.received_at + _EARLY)
    return bar_of(hours, timeframe, moment + min(_EARLY, duration(timeframe) / 10))


class MissingBar(NamedTuple):
    """A bar without an alert: when it closed, and when its alert was due."""

    expected_at: datetime
    due_at: datetime


def missing_bars(
    hours: MarketHours,
    timeframe: str,
    *,
    accounted: datetime,
    heard: Collection[datetime],
    known_until: datetime,
    grace: timedelta,
) -> tuple[datetime, list[MissingBar]]:
    """The bars that closed after `accounted`, are due and have no alert, and up to which bar that accounts for them.

    `heard` are the closes of the bars that have one. A bar is due `grace` after its close.
    """
    due = list(islice(bar_closes(hours, timeframe, accounted, known_until - grace), MOST_BARS))
    missing = [MissingBar(close, close + grace) for close in due if close not in heard]
    return (due[-1] if due else accounted), missing


@dataclass(frozen=True, slots=True)
class Count:
    """How far the numbers of a stream are accounted for.

    `series` counts the restarts of the sender's own count; `latest` is None before the first number, and `fired_at`
    when the alert with this number fired.
    """

    series: int = 0
    latest: int | None = None
    fired_at: datetime | None = None


class MissingNumber(NamedTuple):
    """A number without an alert, and when one was due."""

    series: int
    number: int
    due_at: datetime


def missing_numbers(
    count: Count, heard: Iterable[Heard], *, known_until: datetime, grace: timedelta
) -> tuple[Count, list[MissingNumber], list[Heard]]:
    """The numbers that are due and have no alert, how far that accounts for them, and the alerts that it has used.

    `heard` are the alerts of one stream that have a number and were not used before. A number is due `grace` after a
    higher one has come, because alerts overtake each other. A lower number that fired later begins another count, and
    so does one that is more than a thousand ahead.
    """
    numbered = [(alert.sequence, alert) for alert in heard if alert.sequence is not None]
    used = [(number, alert) for number, alert in numbered if alert.received_at + grace <= known_until]
    missing = []
    for number, alert in sorted(used, key=lambda pair: (pair[1].fired_at or pair[1].received_at, pair[0])):
        if _is_earlier(alert.fired_at, count.fired_at):
            # Of this count, and late, or of the one before.
            continue
        if count.latest is not None and number == count.latest + 1:
            count = Count(count.series, number, alert.fired_at or count.fired_at)
            continue
        # What fired before or after is of another count.
        beside = {
            other
            for other, one in numbered
            if not (_is_earlier(one.fired_at, count.fired_at) or _is_earlier(alert.fired_at, one.fired_at))
        }
        latest, series = count.latest, count.series
        if latest is None or number > latest + MOST_NUMBERS:
            latest, series = None, series if latest is None else series + 1
        elif number < latest and _is_earlier(count.fired_at, alert.fired_at):
            latest, series = None, series + 1
        if latest is None:
            # The first of a count may have been overtaken, too.
            latest = min(other for other in beside if number - MOST_NUMBERS <= other <= number)
        if number >= latest:
            lost = sorted(set(range(latest + 1, number)) - beside)
            missing += [MissingNumber(series, each, alert.received_at + grace) for each in lost]
            count = Count(series, number, alert.fired_at or count.fired_at)
    return count, missing, [alert for _, alert in used]


def _is_earlier(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


@dataclass(frozen=True, slots=True)
class Habit:
    """What is known of a source's silences, in seconds of open market; `first_at` and `last_at` are of its alerts."""

    alerts: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    silences: tuple[float, ...] = ()


def learn(habit: Habit, hours: MarketHours, received: Iterable[datetime]) -> Habit:
    """The habit after these alerts, in the order of their times; one no later than the last changes nothing."""
    for moment in received:
        if habit.last_at is None:
            habit = Habit(1, moment, moment)
        elif moment > habit.last_at:
            # What is short by the clock is no longer in open market.
            is_short = moment - habit.last_at < _OCCASION
            silence = timedelta() if is_short else open_time(hours, habit.last_at, moment)
            kept = (*habit.silences, silence.total_seconds()) if silence >= _OCCASION else habit.silences
            habit = Habit(habit.alerts + 1, habit.first_at, moment, kept[-SILENCES_KEPT:])
    return habit


def longest_silence(habit: Habit) -> timedelta | None:
    """The longest silence that is no alarm, in open market; None while too little is known to say."""
    if habit.first_at is None or habit.last_at is None or habit.alerts < _LEARNED_FROM_ALERTS:
        return None
    if habit.last_at - habit.first_at < _LEARNED_FROM:
        return None
    ordered = sorted(habit.silences)
    usual = ordered[int(_USUAL * (len(ordered) - 1))] if ordered else 0.0
    return max(_UNUSUAL * timedelta(seconds=usual), _SHORTEST_ALARM)


def earlier_silences(habit: Habit, since: datetime, limit: timedelta) -> list[datetime]:
    """From when on an alert of an earlier week tells that this is no hour of rest: a usual silence after `since`.

    None of them while the source is known for less than a week.
    """
    begins = [since + limit / _UNUSUAL - week * _WEEK for week in range(1, _WEEKS + 1)]
    return [begin for begin in begins if habit.first_at is not None and habit.first_at <= begin]


def alarm_by_weeks(since: datetime, limit: timedelta, heard: Mapping[datetime, datetime | None]) -> datetime | None:
    """When the silence since then is an alarm, which it is not in hours in which the source was not heard before.

    `heard` are the first alerts from each of `earlier_silences` on. None while no week tells, or one had none at all.
    """
    ends = []
    for begin, first in heard.items():
        if first is None:
            return None
        # As late in this silence as in that week, and a usual silence more.
        ends.append(since + (first - begin) + 2 * limit / _UNUSUAL)
    return max(since + limit, *ends) if ends else None
