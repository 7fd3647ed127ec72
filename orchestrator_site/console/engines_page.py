"""The Engines page: are they available, were they over the last day, are they keeping up; and each over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from admin_kit.charts import csv_answer
from admin_kit.display import pretty_json
from admin_kit.options import render_page
from orchestrator_site.console.engine_day import EngineDay, ErrorRow, engine_days, engine_errors
from orchestrator_site.console.engine_history import (
    KINDS,
    answers_chart,
    earned_charts,
    figures,
    latency_chart,
    version_rows,
)
from orchestrator_site.roles import VIEW_REPORT
from outcomes.performance.history import answers_by_day, earned_by_day, latency, versions
from outcomes.performance.report import one_snapshot, phases_in
from outcomes.performance.scope import PerformanceFilters, Scope
from policies.models import ApiKey, Engine, EngineAvailability, EngineSwitch, KeyOwner
from policies.selectors import state_in_force

DAY = timedelta(days=1)
SLOTS = 96  # of a quarter of an hour
CHANGES_SHOWN = 10
PERIODS = {"30": "30 days", "90": "90 days", "365": "One year", "": "All time"}
OWNER_OF = {"A": KeyOwner.ENGINE_A, "B": KeyOwner.ENGINE_B}

AGES = "SELECT name, extract(epoch FROM clock_timestamp() - last_heartbeat_at)::float8 FROM engines"
UNANSWERED = """
SELECT engine, count(*), extract(epoch FROM clock_timestamp() - min(distributed_at))::float8,
       count(*) FILTER (WHERE lease_expires_at > clock_timestamp())
  FROM signal_distributions WHERE answered_at IS NULL GROUP BY engine
"""


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
class EnginePanel:
    """One engine as its part of the page shows it."""

    engine: Engine
    model: str | None  # as indented JSON; None when it named none
    available: bool
    heartbeat_age: float | None  # seconds; None before the first
    slots: list[Slot]
    up_percentage: str
    unanswered: Unanswered
    keys: list[ApiKey]
    changes: list[RulesChange]
    switches: list[EngineSwitch]
    day: EngineDay
    errors: list[ErrorRow]


@permission_required("policies.view_engine", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show both engines as of now and over the last 24 hours; one over time is a part of its own (`?part=`)."""
    part = request.GET.get("part", "")
    if part:
        return _history(request, part)
    return render_page(
        request,
        "console/engines.html",
        "Engines",
        panels=engine_panels(),
        may_switch=request.user.has_perm("policies.change_engine"),
        may_see_keys=request.user.has_perm("policies.view_apikey"),
        may_see_results=request.user.has_perm(VIEW_REPORT),
        days=_days(request),
        periods=PERIODS,
    )


def _days(request: HttpRequest) -> str:
    days = request.GET.get("days", "")
    return days if days in PERIODS else ""


def _history(request: HttpRequest, engine: str) -> HttpResponse:
    """One engine over time, of the last days that the address says, or of all."""
    if engine not in OWNER_OF or not request.user.has_perm(VIEW_REPORT):
        raise Http404
    days = _days(request)
    since = timezone.now() - timedelta(days=int(days)) if days else None
    with one_snapshot():
        scope = Scope.of(PerformanceFilters(since=since))
        currency = str(scope.filters.currency)
        earned, found = earned_by_day(scope, engine), versions(phases_in(scope), engine)
        charts = [
            *earned_charts(engine, earned, found, currency),
            answers_chart(engine, answers_by_day(scope, engine)),
            latency_chart(engine, latency(engine)),
        ]
    drawn = [chart for chart in charts if chart is not None]
    if (file := csv_answer(request, drawn)) is not None:
        return file
    seen = {
        "engine": engine,
        "figures": figures(earned, currency) if earned else [],
        "kinds": KINDS.values(),
        "charts": drawn,
        "versions": version_rows(found),
        "others": [code for code in scope.currencies if code != currency],
        "currency": currency,
    }
    return TemplateResponse(request, "console/engine_history.html", seen)


def engine_panels() -> list[EnginePanel]:
    """Both engines as of now, by the database clock."""
    state = state_in_force()
    now = state.at
    begin = now - DAY
    with connection.cursor() as cursor:
        cursor.execute(AGES)
        ages = dict(cursor.fetchall())
        cursor.execute(UNANSWERED)
        unanswered = {engine: Unanswered(*rest) for engine, *rest in cursor.fetchall()}
    days, errors = engine_days(), engine_errors()
    panels = []
    for engine in Engine.objects.all():
        stretches = EngineAvailability.objects.filter(engine=engine.name)
        recent = stretches.filter(available_until__gte=begin)
        # The last heartbeat promises availability beyond now.
        up = [Span(row.first_heartbeat_at, min(row.available_until, now)) for row in recent]
        off = list(disabled_spans(engine.name, begin, now))
        panels.append(
            EnginePanel(
                engine=engine,
                model=None if engine.model is None else pretty_json(engine.model),
                available=state.is_available(engine.name),
                heartbeat_age=ages[engine.name],
                slots=day_slots(up, off, begin, now),
                up_percentage=f"{100 * share(up, off, begin, now):.1f}%",
                unanswered=unanswered.get(engine.name, Unanswered()),
                keys=list(ApiKey.objects.filter(owner=OWNER_OF[engine.name]).order_by("revoked", "-created")[:10]),
                # Bounded: an engine that restarts in a loop begins a stretch each time.
                changes=rules_changes(
                    stretches.filter(first_heartbeat_at__gte=now - 30 * DAY).order_by("first_heartbeat_at")[:1000]
                ),
                switches=list(EngineSwitch.objects.filter(engine=engine.name)[:5]),
                day=days[engine.name],
                errors=errors[engine.name],
            )
        )
    return panels


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


def rules_changes(stretches: Iterable[EngineAvailability]) -> list[RulesChange]:
    """The last changes of version or rules among these stretches of heartbeats, the newest first."""
    found = [
        RulesChange(after.first_heartbeat_at, before, after)
        for before, after in pairwise(stretches)
        if (before.rules_hash, before.engine_version) != (after.rules_hash, after.engine_version)
    ]
    return found[::-1][:CHANGES_SHOWN]


def day_slots(up: Sequence[Span], off: Sequence[Span], begin: datetime, end: datetime) -> list[Slot]:
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
