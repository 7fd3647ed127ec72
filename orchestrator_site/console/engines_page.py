"""The Engines page: are they available, were they over the last day, are they keeping up; and each over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from admin_kit.charts import Chart, csv_answer
from admin_kit.display import pretty_json
from admin_kit.options import render_page
from orchestrator_site.console.engine_day import EngineDay, ErrorRow, engine_days, engine_errors, times_chart
from orchestrator_site.console.engine_history import (
    KINDS,
    answers_chart,
    earned_charts,
    figures,
    latency_chart,
    version_rows,
)
from orchestrator_site.console.engine_uptime import DAY, Lane, Uptime, lane_of, uptimes
from orchestrator_site.roles import VIEW_REPORT
from outcomes.performance.history import answers_by_day, earned_by_day, latency, versions
from outcomes.performance.report import one_snapshot, phases_in
from outcomes.performance.scope import PerformanceFilters, Scope
from policies.core.rules import PolicyState
from policies.models import ApiKey, Engine, EngineAvailability, EngineSwitch, KeyOwner
from policies.selectors import NoPolicyError, state_in_force

BUILDS_SHOWN, BUILD_DAYS = 10, 90
PERIODS = {"30": "30 days", "90": "90 days", "365": "One year", "": "All time"}
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
class Build:
    """A version with its rules as long as an engine ran nothing else: from its first heartbeat to its last."""

    engine_version: str
    rules_hash: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class EnginePanel:
    """One engine as its part of the page shows it."""

    engine: Engine
    model: str | None  # as indented JSON; None when it named none
    available: bool
    heartbeat_age: float | None  # seconds; None before the first
    lane: Lane
    uptime: Uptime | None  # None before its first heartbeat
    unanswered: Unanswered
    keys: list[ApiKey]
    builds: list[Build]
    switches: list[EngineSwitch]
    day: EngineDay
    errors: list[ErrorRow]
    times: Chart | None


@permission_required("policies.view_engine", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show both engines as of now and over the last 24 hours; one over time is a part of its own (`?part=`)."""
    part = request.GET.get("part", "")
    if part:
        return _history(request, part)
    panels = engine_panels()
    if (file := csv_answer(request, [panel.times for panel in panels])) is not None:
        return file
    return render_page(
        request,
        "console/engines.html",
        "Engines",
        panels=panels,
        may_change_keys=request.user.has_perm("policies.change_apikey"),
        may_switch=request.user.has_perm("policies.change_engine"),
        may_see_keys=request.user.has_perm("policies.view_apikey"),
        may_see_results=request.user.has_perm(VIEW_REPORT),
        days=_days(request),
        periods=PERIODS,
        build_days=BUILD_DAYS,
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
    try:
        state: PolicyState | None = state_in_force()
    except NoPolicyError:
        # Somebody has deleted them all. Nobody is available without one, and the page says the rest.
        state = None
    at = timezone.now() if state is None else state.at
    with connection.cursor() as cursor:
        cursor.execute(AGES)
        ages = dict(cursor.fetchall())
        cursor.execute(UNANSWERED)
        unanswered = {engine: Unanswered(*rest) for engine, *rest in cursor.fetchall()}
    days, errors, lives = engine_days(), engine_errors(), uptimes()
    panels = []
    for engine in Engine.objects.all():
        stretches = EngineAvailability.objects.filter(engine=engine.name)
        # Read in part below: an engine that restarts in a loop begins a stretch each time.
        lasting = stretches.filter(last_heartbeat_at__gte=at - BUILD_DAYS * DAY)
        uptime = lives.get(engine.name)
        panels.append(
            EnginePanel(
                engine=engine,
                model=None if engine.model is None else pretty_json(engine.model),
                available=state is not None and state.is_available(engine.name),
                heartbeat_age=ages[engine.name],
                lane=lane_of(engine.name, at, uptime),
                uptime=uptime,
                unanswered=unanswered.get(engine.name, Unanswered()),
                keys=list(ApiKey.objects.filter(owner=OWNER_OF[engine.name]).order_by("revoked", "-created")[:10]),
                builds=builds(reversed(lasting.order_by("-last_heartbeat_at")[:1000])),
                switches=list(EngineSwitch.objects.filter(engine=engine.name)[:5]),
                day=days[engine.name],
                errors=errors[engine.name],
                times=times_chart(engine.name, days[engine.name]),
            )
        )
    return panels


def builds(stretches: Iterable[EngineAvailability]) -> list[Build]:
    """What the engine has run in these stretches of heartbeats, given oldest first; the newest first."""
    found = []
    for (version, rules), run in groupby(stretches, key=lambda one: (one.engine_version, one.rules_hash)):
        first, *others = run
        found.append(Build(version, rules, first.first_heartbeat_at, [first, *others][-1].last_heartbeat_at))
    return found[::-1][:BUILDS_SHOWN]
