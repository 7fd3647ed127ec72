"""The worker's look at watched sources: read what came, note what came late, name what is missing.

One source is one transaction under a lock of its own, so that two workers never look at the same one, and a worker that
dies has looked at nothing. The webhook takes no part in this and waits for none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from kernel.events import ALERT_ARRIVED_LATE, ALERT_MISSING, SOURCE_HEARD, SOURCE_SILENT
from kernel.sql import load
from kernel.values import format_timestamp
from signals_app.alerts.fields import duration
from signals_app.alerts.market_hours import MarketHours, after_open_time
from signals_app.alerts.missing import (
    MOST_BARS,
    Count,
    Habit,
    Heard,
    MissingBar,
    Stream,
    alarm_by_weeks,
    bar_heard,
    earlier_silences,
    hear,
    learn,
    longest_silence,
    missing_bars,
    missing_numbers,
)
from signals_app.models import WebhookDelivery
from signals_app.watch_models import AlertArrival, AlertStream, AlertWatch, MissingAlert, MissingKind, WatchMode
from signals_app.watching.watches import market_hours, settings_of

# Whether any source is to be looked at; the worker asks every second.
LOOK_IS_DUE = """
SELECT EXISTS (SELECT FROM alert_watches w JOIN webhook_sources s ON s.id = w.source_id
                WHERE w.mode <> 'off' AND w.next_look_at <= statement_timestamp() AND s.is_active AND NOT s.replay)
"""
STREAM_STATE = ("id", "last_heard_at", "accounted_until", "series", "sequence", "sequence_fired_at")
SAVE_STREAMS = """
UPDATE alert_streams s
   SET (last_heard_at, accounted_until, series, sequence, sequence_fired_at)
     = (n.last_heard_at, n.accounted_until, n.series, n.sequence, n.sequence_fired_at)
  FROM unnest(%(id)s::bigint[], %(last_heard_at)s::timestamptz[], %(accounted_until)s::timestamptz[],
              %(series)s::int[], %(sequence)s::bigint[], %(sequence_fired_at)s::timestamptz[])
    AS n (id, last_heard_at, accounted_until, series, sequence, sequence_fired_at)
 WHERE s.id = n.id
"""
READ_DELIVERIES = load(__file__, "read_deliveries.sql")
RESOLVE = load(__file__, "resolve.sql")
NAME_MISSING = load(__file__, "name_missing.sql")

# What is due is named this much later at the most, and by the time that the worker needs to come to it.
LOOK_SECONDS = 10
MAX_SECONDS = 2.0
MOST_DELIVERIES = 500
MOST_LEARNED = 5000
# No statement of the webhook takes nearly as long to commit.
OVERLAP = timedelta(seconds=60)
# A habit is learned from what came before the source was watched, too.
HABIT_DAYS = 30
# A symbol from which nothing comes for so long, or for three bars, has been taken out of the alert.
EXPECTED_FOR = timedelta(days=7)
# Deliveries of which nobody knows whether the source sent them, or what they were.
DISBELIEVED = ("unauthorized", "https_required", "content_encoding", "body_incomplete", "body_too_slow", "too_large")
STATE = ("known_until", "next_look_at", "alerts", "first_heard_at", "last_heard_at", "silences")


@dataclass(frozen=True, slots=True)
class Named:
    """One row of `missing_alerts`, before it is stored."""

    kind: MissingKind
    stream: Stream
    due_at: datetime
    expected_at: datetime | None = None
    series: int | None = None
    sequence: int | None = None


def look_for_missing() -> int:
    """Look at the sources that are due, for two seconds at most; how many alerts were named as missing."""
    ends, named = monotonic() + MAX_SECONDS, 0
    while (found := _look_at_next()) is not None:
        named += found
        if monotonic() > ends:
            break
    return named


def _look_at_next() -> int | None:
    """Look at the source that has waited longest; None when none is due, or others look at those that are."""
    with transaction.atomic():
        watch = (
            AlertWatch.objects.select_related("source")
            .filter(~Q(mode=WatchMode.OFF), source__is_active=True, source__replay=False, next_look_at__lte=Now())
            .annotate(now=Now())
            .order_by("next_look_at")
            .select_for_update(of=("self",), skip_locked=True)
            .first()
        )
        if watch is None:
            return None
        now: datetime = watch.now
        hours = market_hours(settings_of(watch))
        is_all = _read(watch, hours, now)
        named = _missing_bars(watch, hours) if watch.mode == WatchMode.EVERY_BAR else _missing_numbers(watch)
        is_all = is_all and len(named) < MOST_BARS
        done = AlertArrival.objects.filter(source=watch.source, used=True)
        done.filter(received_at__lte=watch.known_until - OVERLAP).delete()
        named += _silence(watch, hours, now)
        watch.next_look_at = now + timedelta(seconds=LOOK_SECONDS if is_all else 0)
        watch.save(update_fields=STATE)
        return _name(watch.source.slug, named, watch.last_heard_at)


def _read(watch: AlertWatch, hours: MarketHours, now: datetime) -> bool:
    """Read what came since the last look and note what came late; False when there is more to read."""
    streams = {_key(stream): stream for stream in AlertStream.objects.filter(source=watch.source)}
    by_number = watch.mode != WatchMode.EVERY_BAR
    parameters: dict[str, Any] = {
        "source": watch.source_id,
        # Before the first number nothing can be missing, whatever commits late.
        "since": watch.known_until - (timedelta() if by_number and not streams else OVERLAP),
        "until": now,
        "disbelieved": list(DISBELIEVED),
        "numbered": by_number,
        "limit": MOST_DELIVERIES,
    }
    with connection.cursor() as cursor:
        cursor.execute(READ_DELIVERIES, parameters)
        deliveries = cursor.fetchall()
    is_all = len(deliveries) < MOST_DELIVERIES
    watch.known_until = max(watch.known_until, now if is_all else deliveries[-1][1])
    if not deliveries:
        return True
    arrivals, changed = [], {}
    for delivery, received_at, body in deliveries:
        arrival = AlertArrival(delivery_id=delivery, source=watch.source, received_at=received_at, used=True)
        arrivals.append(arrival)
        heard = hear(bytes(body), received_at)
        stream = _stream_of(watch, heard, streams) if heard is not None else None
        if heard is None or stream is None:
            continue
        arrival.stream, arrival.fired_at, arrival.sequence = stream, heard.fired_at, heard.sequence
        if watch.mode == WatchMode.EVERY_BAR:
            arrival.bar_at = bar_heard(heard, hours, stream.timeframe)
            # The first bar that is expected is the next one.
            stream.accounted_until = stream.accounted_until or arrival.bar_at
        arrival.used = (arrival.bar_at if watch.mode == WatchMode.EVERY_BAR else arrival.sequence) is None
        stream.last_heard_at = max(stream.last_heard_at, received_at)
        changed[stream.pk] = stream
    _save(changed.values())
    AlertArrival.objects.bulk_create(arrivals)
    _resolve(watch.source.slug, [arrival.delivery_id for arrival in arrivals])
    return is_all


def _stream_of(watch: AlertWatch, heard: Heard, streams: dict[Stream, AlertStream]) -> AlertStream | None:
    """The stream that the alert belongs to, a new one if need be; None when nothing tells its bars."""
    key = heard.stream
    if watch.mode == WatchMode.EVERY_BAR:
        key = key._replace(timeframe=watch.bar_clock or key.timeframe, strategy="")
    if key in streams:
        return streams[key]
    if not key.timeframe:
        # An exit may lack its timeframe: it belongs where the alerts of its symbol do.
        alike = [
            stream
            for other, stream in streams.items()
            if (other.symbol, other.strategy) == (key.symbol, key.strategy) and key.exchange in {"", other.exchange}
        ]
        if alike:
            return max(alike, key=lambda stream: stream.last_heard_at)
        if watch.mode == WatchMode.EVERY_BAR:
            return None
    streams[key] = AlertStream.objects.create(source=watch.source, last_heard_at=heard.received_at, **key._asdict())
    return streams[key]


def _key(stream: AlertStream) -> Stream:
    return Stream(stream.exchange, stream.symbol, stream.timeframe, stream.strategy)


def _save(streams: Iterable[AlertStream]) -> None:
    """Store how far these are accounted for; by one statement, because there may be a thousand of them."""
    columns: dict[str, Any] = {name: [] for name in STREAM_STATE}
    for stream in streams:
        for name in STREAM_STATE:
            columns[name].append(getattr(stream, name))
    with connection.cursor() as cursor:
        cursor.execute(SAVE_STREAMS, columns)


def _missing_bars(watch: AlertWatch, hours: MarketHours) -> list[Named]:
    """The bars that are due and have no alert; what they were looked for in is marked as used."""
    heard: dict[int | None, set[datetime]] = {}
    waiting = AlertArrival.objects.filter(source=watch.source, used=False, bar_at__isnull=False)
    for stream_id, bar_at in waiting.values_list("stream_id", "bar_at"):
        assert bar_at is not None
        heard.setdefault(stream_id, set()).add(bar_at)
    named, changed = [], []
    grace = timedelta(seconds=watch.grace_seconds)
    for stream in AlertStream.objects.filter(source=watch.source, accounted_until__isnull=False):
        assert stream.accounted_until is not None
        accounted = max(stream.accounted_until, watch.since)
        missing: list[MissingBar] = []
        if watch.known_until - stream.last_heard_at > max(EXPECTED_FOR, 3 * duration(stream.timeframe)):
            # When it comes back, nothing of the time between was expected.
            until = watch.known_until
        else:
            until, missing = missing_bars(
                hours,
                stream.timeframe,
                accounted=accounted,
                heard=heard.get(stream.pk, ()),
                known_until=watch.known_until,
                grace=grace,
            )
        named += [Named(MissingKind.BAR, _key(stream), bar.due_at, bar.expected_at) for bar in missing]
        if until != stream.accounted_until:
            stream.accounted_until = until
            changed.append(stream)
    _save(changed)
    waiting.filter(bar_at__lte=F("stream__accounted_until")).update(used=True)
    return named


def _missing_numbers(watch: AlertWatch) -> list[Named]:
    """The numbers that are due and have no alert; the alerts that have told so are marked as used."""
    waiting = AlertArrival.objects.filter(source=watch.source, used=False, sequence__isnull=False)
    of_stream: dict[AlertStream, list[Heard]] = {}
    for arrival in waiting.select_related("stream"):
        assert arrival.stream is not None
        heard = Heard(_key(arrival.stream), arrival.received_at, arrival.fired_at, arrival.sequence)
        of_stream.setdefault(arrival.stream, []).append(heard)
    named, grace = [], timedelta(seconds=watch.grace_seconds)
    for stream, alerts in of_stream.items():
        count = Count(stream.series, stream.sequence, stream.sequence_fired_at)
        count, missing, _ = missing_numbers(count, alerts, known_until=watch.known_until, grace=grace)
        stream.series, stream.sequence, stream.sequence_fired_at = count.series, count.latest, count.fired_at
        named += [
            Named(MissingKind.SEQUENCE, _key(stream), lost.due_at, series=lost.series, sequence=lost.number)
            for lost in missing
        ]
    _save(of_stream)
    waiting.filter(received_at__lte=watch.known_until - grace).update(used=True)
    return named


def _silence(watch: AlertWatch, hours: MarketHours, now: datetime) -> list[Named]:
    """The silence that has lasted too long, unless it is named; learn from the alerts that have ended earlier ones."""
    since = watch.last_heard_at or watch.since - timedelta(days=HABIT_DAYS)
    came = (
        WebhookDelivery.objects.filter(source=watch.source, received_at__gt=since, received_at__lte=now)
        .exclude(code__in=DISBELIEVED)
        .order_by("-received_at")
        .values_list("received_at", flat=True)[:MOST_LEARNED]
    )
    received = sorted(came)
    habit = learn(habit_of(watch), hours, received)
    watch.alerts, watch.silences = habit.alerts, list(habit.silences)
    watch.first_heard_at, watch.last_heard_at = habit.first_at, habit.last_at
    slug = watch.source.slug
    silent = MissingAlert.objects.filter(source=slug, kind=MissingKind.SILENCE, resolved_at__isnull=True).first()
    if silent is not None and received:
        silent.resolved_at = max(received[0], silent.noticed_at)
        silent.save(update_fields=["resolved_at"])
        transaction.on_commit(partial(SOURCE_HEARD.log, source=slug, resolved_at=format_timestamp(silent.resolved_at)))
        silent = None
    minutes = watch.max_silence_minutes
    limit = longest_silence(habit) if minutes is None else timedelta(minutes=minutes)
    if limit is None or silent is not None:
        return []
    begins = max(habit.last_at or watch.since, watch.since)
    alarm = after_open_time(hours, begins, limit)
    if minutes is None and hours.are_all and alarm is not None and alarm <= now:
        alarm = _alarm_by_weeks(watch, habit, begins, limit)
    if alarm is None or alarm > now:
        return []
    return [Named(MissingKind.SILENCE, Stream("", "", "", ""), alarm, alarm)]


def _alarm_by_weeks(watch: AlertWatch, habit: Habit, begins: datetime, limit: timedelta) -> datetime | None:
    """Nobody has said when the market is open: the weeks before tell when the source is heard."""
    came = WebhookDelivery.objects.filter(source=watch.source).exclude(code__in=DISBELIEVED).order_by("received_at")
    heard = {
        moment: came.filter(received_at__gte=moment, received_at__lt=begins)
        .values_list("received_at", flat=True)
        .first()
        for moment in earlier_silences(habit, begins, limit)
    }
    return alarm_by_weeks(begins, limit, heard)


def habit_of(watch: AlertWatch) -> Habit:
    """What is known of the source's silences."""
    return Habit(watch.alerts, watch.first_heard_at, watch.last_heard_at, tuple(watch.silences))


def _resolve(source: str, deliveries: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(RESOLVE, {"source": source, "deliveries": deliveries})
        for symbol, timeframe, expected_at, sequence, resolved_at in cursor.fetchall():
            late = partial(
                ALERT_ARRIVED_LATE.log,
                source=source,
                symbol=symbol,
                timeframe=timeframe,
                expected_at=_text(expected_at),
                sequence=sequence,
                resolved_at=_text(resolved_at),
            )
            transaction.on_commit(late)


def _name(source: str, named: list[Named], last_heard_at: datetime | None) -> int:
    """Store what is missing; how many of them nobody had named before."""
    if not named:
        return 0
    columns: dict[str, Any] = {
        "source": source,
        "kind": [str(one.kind) for one in named],
        "exchange": [one.stream.exchange for one in named],
        "symbol": [one.stream.symbol for one in named],
        "timeframe": [one.stream.timeframe for one in named],
        "strategy": [one.stream.strategy for one in named],
        "expected_at": [one.expected_at for one in named],
        "series": [one.series for one in named],
        "sequence": [one.sequence for one in named],
        "due_at": [one.due_at for one in named],
    }
    with connection.cursor() as cursor:
        cursor.execute(NAME_MISSING, columns)
        stored = cursor.fetchall()
    for kind, symbol, timeframe, expected_at, sequence, due_at in stored:
        if kind == MissingKind.SILENCE:
            told = {"last_heard_at": _text(last_heard_at), "expected_at": _text(expected_at)}
            transaction.on_commit(partial(SOURCE_SILENT.log, source=source, **told))
            continue
        transaction.on_commit(
            partial(
                ALERT_MISSING.log,
                source=source,
                symbol=symbol,
                timeframe=timeframe,
                expected_at=_text(expected_at),
                sequence=sequence,
                due_at=_text(due_at),
            )
        )
    return len(stored)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)
