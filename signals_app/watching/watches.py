"""How a source is watched for missing alerts: its settings, and from when on they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time

from django.db import transaction
from django.db.models.functions import Now

from kernel.actors import SYSTEM, Actor
from kernel.audit import record
from kernel.errors import DomainError
from kernel.events import SOURCE_WATCHED
from signals_app.alerts.fields import Fields, read_timeframe
from signals_app.alerts.market_hours import ALL_DAYS, MarketHours, has_clock, zone_of
from signals_app.models import WebhookSource
from signals_app.watch_models import (
    MAX_GRACE_SECONDS,
    MAX_SILENCE_MINUTES,
    MIN_GRACE_SECONDS,
    AlertArrival,
    AlertStream,
    AlertWatch,
    MissingAlert,
    MissingKind,
    WatchMode,
)

MAX_HOLIDAYS = 400
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOLIDAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How a source is watched.

    ``bar_clock`` is a timeframe, "" when each alert's own tells; ``max_silence_minutes`` None when it is
    learned. The market's hours are local; without times a session is the whole day. A holiday is written YYYY-MM-DD, or
    with the time at which its session closes early, as in "2026-11-27 13:00".
    """

    mode: str = WatchMode.OFF
    grace_seconds: int = 30
    bar_clock: str = ""
    max_silence_minutes: int | None = None
    timezone: str = "UTC"
    days: Sequence[int] = tuple(sorted(ALL_DAYS))
    opens: time | None = None
    closes: time | None = None
    holidays: Sequence[str] = ()


def settings_of(watch: AlertWatch) -> WatchSettings:
    """The stored settings."""
    return WatchSettings(
        mode=watch.mode,
        grace_seconds=watch.grace_seconds,
        bar_clock=watch.bar_clock,
        max_silence_minutes=watch.max_silence_minutes,
        timezone=watch.timezone,
        days=tuple(watch.days),
        opens=watch.opens,
        closes=watch.closes,
        holidays=tuple(watch.holidays),
    )


def market_hours(settings: WatchSettings) -> MarketHours:
    """The hours that these settings say; raise DomainError `watch_invalid` where they say none."""
    try:
        zone_of(settings.timezone)
    except ValueError:
        advice = "Enter an IANA time zone, such as America/New_York or UTC."
        raise DomainError("watch_invalid", advice, "/timezone") from None
    if (settings.opens is None) != (settings.closes is None):
        raise DomainError("watch_invalid", "Enter both times, or leave both blank for the whole day.", "/closes")
    days = frozenset(settings.days)
    if not days or not days <= ALL_DAYS:
        raise DomainError("watch_invalid", "Choose at least one day.", "/days")
    holidays = tuple(_holiday(text, settings) for text in settings.holidays)
    if len(holidays) > MAX_HOLIDAYS:
        raise DomainError("watch_invalid", f"Enter at most {MAX_HOLIDAYS} holidays.", "/holidays")
    return MarketHours(settings.timezone, days, settings.opens, settings.closes, holidays)


def _holiday(text: str, settings: WatchSettings) -> tuple[date, time | None]:
    match = _HOLIDAY.fullmatch(text)
    try:
        if match is None:
            raise ValueError  # noqa: TRY301 (one message for all that is no date)
        year, month, day, hour, minute = (int(part or 0) for part in match.groups())
        early = time(hour, minute) if match[4] else None
        found = date(year, month, day)
    except ValueError:
        advice = "enter a date as YYYY-MM-DD, or with an early close as YYYY-MM-DD HH:MM."
        raise DomainError("watch_invalid", f"{text}: {advice}", "/holidays") from None
    opens, closes = settings.opens or time(), settings.closes or time()
    # A session that crosses midnight may end early on either day, but not after its usual end.
    is_within = opens < early < closes if early and opens < closes else early is None or early > opens or early < closes
    if not is_within:
        raise DomainError("watch_invalid", f"{text}: the early close is outside the market's hours.", "/holidays")
    return found, early


def check_settings(settings: WatchSettings, *, replay: bool) -> None:
    """Raise DomainError `watch_invalid`, with the pointer of the setting, for what cannot be."""
    if settings.mode not in WatchMode.values:
        raise DomainError("watch_invalid", f"Choose one of {', '.join(WatchMode.values)}.", "/mode")
    if replay and settings.mode != WatchMode.OFF:
        detail = "A replay source cannot be watched: its alerts are as old as they are."
        raise DomainError("watch_invalid", detail, "/mode")
    if not MIN_GRACE_SECONDS <= settings.grace_seconds <= MAX_GRACE_SECONDS:
        detail = f"Enter {MIN_GRACE_SECONDS} to {MAX_GRACE_SECONDS} seconds."
        raise DomainError("watch_invalid", detail, "/grace_seconds")
    minutes = settings.max_silence_minutes
    if minutes is not None and not 1 <= minutes <= MAX_SILENCE_MINUTES:
        detail = f"Enter 1 to {MAX_SILENCE_MINUTES} minutes, or leave it blank."
        raise DomainError("watch_invalid", detail, "/max_silence_minutes")
    _bar_clock(settings.bar_clock)
    market_hours(settings)


def _bar_clock(text: str) -> str:
    """The canonical timeframe of this text, "" for none; raise DomainError for one whose bars have no clock."""
    try:
        reading = read_timeframe(Fields({"timeframe": text}))
        named = "" if reading is None else reading.value
    except DomainError:
        named = None
    if named is None or (named and not has_clock(named)):
        advice = "Enter a timeframe whose bars close at known times: seconds, minutes or hours, 1d, 1w or 1M."
        raise DomainError("watch_invalid", advice, "/bar_clock")
    return named


def set_watch(slug: str, settings: WatchSettings, *, actor: Actor = SYSTEM) -> AlertWatch:
    """Watch a source by these settings from now on: nothing before is missing by them. Raise DomainError.

    With another mode or bar clock, what is expected is learned anew from the next alerts.
    """
    source = WebhookSource.objects.filter(slug=slug).first()
    if source is None:
        raise DomainError("source_unknown", f"No webhook source has the slug {slug}; run `manage.py source list`.")
    check_settings(settings, replay=source.replay)
    values = {
        "mode": settings.mode,
        "grace_seconds": settings.grace_seconds,
        "bar_clock": _bar_clock(settings.bar_clock),
        "max_silence_minutes": settings.max_silence_minutes,
        "timezone": settings.timezone,
        "days": sorted(set(settings.days)),
        "opens": settings.opens,
        "closes": settings.closes,
        "holidays": sorted(set(settings.holidays)),
    }
    from_now = {"since": Now(), "known_until": Now(), "next_look_at": Now()}
    with transaction.atomic():
        # Waits for a worker that is looking at this moment.
        before = AlertWatch.objects.select_for_update().filter(source=source).first()
        if before is None or (before.mode, before.bar_clock) != (settings.mode, values["bar_clock"]):
            AlertArrival.objects.filter(source=source).delete()
            AlertStream.objects.filter(source=source).delete()
        _end_silence(source)
        AlertWatch.objects.update_or_create(source=source, defaults={**values, **from_now})
        record(actor, "source.watched", f"source {slug}", reason=str(settings.mode))
    SOURCE_WATCHED.log(source=slug, mode=str(settings.mode))
    return AlertWatch.objects.get(source=source)


def watch_unless_settled(source: WebhookSource) -> None:
    """Watch a new source by its habit and its numbers, if it sends any, until somebody settles how; never a replay."""
    if not source.replay:
        settings = WatchSettings(WatchMode.HABIT)
        usual = {"mode": settings.mode, "grace_seconds": settings.grace_seconds}
        from_now = {"since": Now(), "known_until": Now(), "next_look_at": Now()}
        AlertWatch.objects.get_or_create(source=source, defaults=usual | from_now)


def watch_from_now(source: WebhookSource) -> None:
    """Expect nothing of the time before now; call it in the transaction that enables or disables the source."""
    AlertWatch.objects.filter(source=source).update(since=Now(), known_until=Now(), next_look_at=Now())
    _end_silence(source)


def _end_silence(source: WebhookSource) -> None:
    silent = MissingAlert.objects.filter(source=source.slug, kind=MissingKind.SILENCE, resolved_at__isnull=True)
    silent.update(resolved_at=Now())


def stop_expecting(streams: Iterable[AlertStream], *, actor: Actor = SYSTEM) -> int:
    """Expect no further alerts of these streams, until another one comes; the number of streams."""
    chosen = list(streams)
    with transaction.atomic():
        for stream in chosen:
            record(actor, "stream.stopped", f"source {stream.source.slug}: {stream}")
        # An alert that is not accounted for yet must not bring the stream back.
        AlertArrival.objects.filter(stream__in=chosen).update(stream=None, used=True)
        AlertStream.objects.filter(pk__in=[stream.pk for stream in chosen]).delete()
    return len(chosen)
