"""Reads for the page of the engines: availability over a day, keys, what they have not answered yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import connection
from django.db.models import Q

from orchestrator_site.console.availability_strip import Span, share, strip
from policies.models import ApiKey, Engine, EngineAvailability, EngineSwitch, KeyOwner
from policies.selectors import state_in_force

DAY = timedelta(days=1)
CHANGES_SHOWN = 10
OWNER_OF = {"A": KeyOwner.ENGINE_A, "B": KeyOwner.ENGINE_B}

AGES = "SELECT name, extract(epoch FROM clock_timestamp() - last_heartbeat_at)::float8 FROM engines"
UNANSWERED = """
SELECT engine, count(*), extract(epoch FROM clock_timestamp() - min(distributed_at))::float8,
       count(*) FILTER (WHERE lease_expires_at > clock_timestamp())
  FROM signal_distributions WHERE answered_at IS NULL GROUP BY engine
"""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Assignments without a recommendation; ages in seconds, None where there is none."""

    count: int = 0
    oldest_age: float | None = None
    leased: int = 0


@dataclass(frozen=True, slots=True)
class RulesChange:
    """An engine came back with another version or other rules."""

    at: datetime
    before: EngineAvailability
    after: EngineAvailability


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """One engine as its part of the page shows it."""

    engine: Engine
    available: bool
    heartbeat_age: float | None
    strip: str
    up_percentage: str
    unanswered: Unanswered
    keys: list[ApiKey]
    changes: list[RulesChange]
    switches: list[EngineSwitch]


def engine_facts() -> list[EngineFacts]:
    """Return both engines as of now, by the database clock."""
    state = state_in_force()
    now, available = state.database_time, {"A": state.engine_a_available, "B": state.engine_b_available}
    with connection.cursor() as cursor:
        cursor.execute(AGES)
        ages = dict(cursor.fetchall())
        cursor.execute(UNANSWERED)
        unanswered = {engine: Unanswered(*rest) for engine, *rest in cursor.fetchall()}
    facts = []
    for engine in Engine.objects.all():
        begin = now - DAY
        up, off = list(_stretches(engine.name, begin, now)), list(switched_off(engine.name, begin, now))
        facts.append(
            EngineFacts(
                engine=engine,
                available=available[engine.name],
                heartbeat_age=ages[engine.name],
                strip=strip(up, off, begin, now, f"{engine}: the last 24 hours"),
                up_percentage=f"{100 * share(up, off, begin, now):.1f} %",
                unanswered=unanswered.get(engine.name, Unanswered()),
                keys=list(ApiKey.objects.filter(owner=OWNER_OF[engine.name]).order_by("revoked", "-created")[:10]),
                changes=_changes(engine.name, now),
                switches=list(EngineSwitch.objects.filter(engine=engine.name)[:5]),
            )
        )
    return facts


def _stretches(engine: str, begin: datetime, now: datetime) -> Iterator[Span]:
    rows = EngineAvailability.objects.filter(engine=engine, available_until__gte=begin)
    for row in rows.order_by("first_beat_at"):
        until = min(row.available_until, now)
        title = f"{row.first_beat_at:%H:%M:%S} to {until:%H:%M:%S} UTC, version {row.engine_version}"
        yield Span(row.first_beat_at, until, title)


def switched_off(engine: str, begin: datetime, now: datetime) -> Iterator[Span]:
    """Yield the times in which an operator had the engine off, the one that lasts included."""
    before = EngineSwitch.objects.filter(engine=engine, switched_at__lt=begin).order_by("-pk").first()
    within = list(EngineSwitch.objects.filter(engine=engine, switched_at__gte=begin).order_by("pk"))
    off_since: EngineSwitch | None = None
    for switch in [*([before] if before else []), *within]:
        if not switch.enabled and off_since is None:
            off_since = switch
        elif switch.enabled and off_since is not None:
            yield _off(off_since, switch.switched_at)
            off_since = None
    if off_since is not None:
        yield _off(off_since, now)


def _off(switch: EngineSwitch, until: datetime) -> Span:
    return Span(switch.switched_at, until, f"switched off by {switch.switched_by}: {switch.reason}")


def _changes(engine: str, now: datetime) -> list[RulesChange]:
    """Return the last changes of version or rules within 30 days, the newest first."""
    recent = Q(first_beat_at__gte=now - 30 * DAY)
    rows = list(EngineAvailability.objects.filter(recent, engine=engine).order_by("first_beat_at")[:1000])
    found = [
        RulesChange(after.first_beat_at, before, after)
        for before, after in pairwise(rows)
        if (before.rules_hash, before.engine_version) != (after.rules_hash, after.engine_version)
    ]
    return found[::-1][:CHANGES_SHOWN]
