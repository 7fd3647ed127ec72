"""How long an engine was there: the strip of the last day, and its share of the time since it was first seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from kernel.sql import load
from policies.models import EngineAvailability, EngineSwitch

DAY = timedelta(days=1)
LONG_DAYS = 30
SLOTS = 96  # of a quarter of an hour
UPTIME = load(__file__, "engine_uptime.sql")


@dataclass(frozen=True, slots=True)
class Uptime:
    """When an engine was first seen, and the share of the last days, or since then, in which it was available."""

    first_seen: datetime
    seconds: float
    share: float  # 0 to 1

    @property
    def percentage(self) -> str:
        """The share as it is said."""
        return f"{100 * self.share:.1f}%"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was so from `begin` up to `end`; `reason` is why, where somebody gave one."""

    begin: datetime
    end: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One cell of the last day: a CSS class and a tooltip."""

    color: str
    tooltip: str


def uptimes(days: int = LONG_DAYS) -> dict[str, Uptime]:
    """By engine, without one that was never seen: what lies before its first heartbeat is no outage."""
    with connection.cursor() as cursor:
        cursor.execute(UPTIME, {"days": days})
        return {
            engine: Uptime(first, passed, up / passed if passed else 1.0)
            for engine, first, passed, up in cursor.fetchall()
        }


def disabled_spans(engine: str, begin: datetime, now: datetime) -> Iterator[Span]:
    """The times in which an operator had the engine disabled, the one that still lasts included."""
    # The last switch before the window says how the window begins.
    before = EngineSwitch.objects.filter(engine=engine, switched_at__lt=begin).order_by("-pk").first()
    within = list(EngineSwitch.objects.filter(engine=engine, switched_at__gte=begin).order_by("pk"))
    since: EngineSwitch | None = None
    for switch in [*([before] if before else []), *within]:
        if not switch.enabled and since is None:
            since = switch
        elif switch.enabled and since is not None:
            yield Span(since.switched_at, switch.switched_at, f"disabled by {since.switched_by}: {since.reason}")
            since = None
    if since is not None:
        yield Span(since.switched_at, now, f"disabled by {since.switched_by}: {since.reason}")


@dataclass(frozen=True, slots=True)
class Lane:
    """One engine over the last day: its cells, and the share of it, or since its first heartbeat, in percent."""

    slots: list[Slot]
    percentage: str
    since_birth: bool  # whether it was first seen within the day


def lane_of(engine: str, now: datetime, uptime: Uptime | None) -> Lane:
    """The last day of an engine, whose `uptime` is None where it was never seen."""
    begin = now - DAY
    stretches = EngineAvailability.objects.filter(engine=engine, available_until__gte=begin)
    # The last heartbeat promises availability beyond now.
    up = [Span(row.first_heartbeat_at, min(row.available_until, now)) for row in stretches]
    off = list(disabled_spans(engine, begin, now))
    first_seen = uptime.first_seen if uptime else None
    born = first_seen if first_seen and first_seen > begin else None
    percentage = f"{100 * share(up, off, born or begin, now):.1f}%"
    return Lane(day_slots(up, off, begin, now, first_seen), percentage, born is not None)


def day_slots(
    up: Sequence[Span], off: Sequence[Span], begin: datetime, end: datetime, first_seen: datetime | None
) -> list[Slot]:
    """The cells of [begin, end]; an operator's switch is shown over the heartbeats, however short it was."""
    slots = []
    step = (end - begin) / SLOTS
    for number in range(SLOTS):
        first, last = begin + number * step, begin + (number + 1) * step
        disabled = next((span for span in off if span.begin < last and span.end > first), None)
        part = share(up, [], first, last)
        color, words = "to-slot-none", "no heartbeat"
        if disabled is not None:
            color, words = "to-slot-off", disabled.reason
        elif part >= 1:
            color, words = "to-slot-up", "available"
        elif part > 0:
            color, words = "to-slot-partly", f"available {100 * part:.0f}% of the time"
        elif first_seen is None or last <= first_seen:
            color, words = "to-slot-before", "before its first heartbeat"
        slots.append(Slot(color, f"{first:%H:%M} to {last:%H:%M} UTC: {words}"))
    return slots


def share(up: Sequence[Span], off: Sequence[Span], begin: datetime, end: datetime) -> float:
    """The share of [begin, end] in which the engine was available, 0 to 1; overlaps count once."""
    total = (end - begin).total_seconds()
    available = sum((piece.end - piece.begin).total_seconds() for piece in _merged(up, begin, end))
    for piece in _merged(off, begin, end):
        within = _merged(up, piece.begin, piece.end)
        available -= sum((one.end - one.begin).total_seconds() for one in within)
    return available / total if total > 0 else 0.0


def _merged(spans: Sequence[Span], begin: datetime, end: datetime) -> list[Span]:
    """The spans within [begin, end], those that overlap put together."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda one: one.begin):
        left, right = max(span.begin, begin), min(span.end, end)
        if left >= right:
            continue
        if merged and left <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, right))
        else:
            merged.append(Span(left, right))
    return merged
