"""The first page, "Now": four parts, each read and refreshed by itself.

What needs somebody, what a signal would be decided to, what the last hour was like, and what was decided last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from experiments.models import ExecutionDecision, ReplayRun
from experiments.worker.liveness import HEARTBEAT_AGE, STARTING_SECONDS
from kernel.values import plain_text
from orchestrator_site.console.activity import last_hour, stakes
from orchestrator_site.console.attention import MAY_ACKNOWLEDGE, SNOOZE_HOURS, guardrail_bars, inbox
from orchestrator_site.console.engine_uptime import Lane, lane_of, uptimes
from orchestrator_site.console.reviews import reviews
from policies.core.rules import PolicyState, resolve_policy
from policies.models import Engine, PolicyRamp, RampState
from policies.selectors import NoPolicyError, active_policy, state_in_force
from signals_app.models import WebhookSource
from signals_app.webhook.sources import webhook_path

REFRESH_SECONDS = (0, 5, 30)
DECISIONS_SHOWN = 10

NUMBERS = f"""
SELECT (SELECT count(*) FROM signals WHERE received_at >= date_trunc('day', now(), 'UTC')),
       (SELECT count(*) FROM pending_signals),
       (SELECT extract(epoch FROM now() - min(received_at))::float8 FROM pending_signals),
       (SELECT count(*) FROM failed_signals WHERE discarded_at IS NULL),
       (SELECT count(*) FROM real_trades WHERE status IN ('OPENING', 'OPEN')),
       (SELECT count(*) FROM shadow_trades WHERE status IN ('OPENING', 'OPEN')),
       (SELECT count(*) FROM exit_directives WHERE state = 'PENDING'),
       (SELECT count(*) FROM exit_directives WHERE state = 'PENDING' AND expires_at < now()),
       ({HEARTBEAT_AGE})
"""  # noqa: S608 (our own statement)
HEARTBEAT_AGES = "SELECT name, extract(epoch FROM now() - last_heartbeat_at)::float8 FROM engines"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Counts and ages, read in one statement; ages in seconds, None where there is nothing."""

    signals_today: int
    waiting: int
    oldest_wait: float | None
    failed: int
    open_real: int
    open_shadow: int
    pending_directives: int
    overdue_directives: int
    worker_age: float | None


@dataclass(frozen=True, slots=True)
class EngineState:
    """One engine as the next decision would see it."""

    engine: Engine
    available: bool
    heartbeat_age: float | None


def parts(request: HttpRequest) -> dict[str, Callable[[], dict[str, Any]]]:
    """What each part of the page shows, by its name; read when it is called."""
    may_mark = request.user.has_perm(MAY_ACKNOWLEDGE)
    return {
        "inbox": lambda: {**what_to_see_to(), "may_mark": may_mark, "snooze_hours": SNOOZE_HOURS},
        "state": state_now,
        "activity": lambda: {"lanes": engine_lanes(), "charts": last_hour()},
        "decisions": lambda: latest_decisions(request),
    }


def what_to_see_to() -> dict[str, Any]:
    """What asks for attention, and what else is worth a look."""
    asking = inbox()
    return {"inbox": asking, "reviews": list(reviews(asking))}


def refresh_of(request: HttpRequest) -> int:
    """Seconds between two looks, as chosen on the page; 0 is never."""
    asked = request.GET.get("refresh", "")
    return int(asked) if asked in map(str, REFRESH_SECONDS) else 5


def state_now() -> dict[str, Any]:
    """Mode, policy, counts, engines, guardrails and what is at stake."""
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS)
        numbers = Numbers(*cursor.fetchone())
        cursor.execute(HEARTBEAT_AGES)
        ages: dict[str, float | None] = dict(cursor.fetchall())
    try:
        state: PolicyState | None = state_in_force()
    except NoPolicyError:
        state = None
    found, open_permits = stakes()
    return {
        "app_mode": settings.APP_MODE,
        "policy": active_policy(),
        "ramp": PolicyRamp.objects.filter(state=RampState.RUNNING).first(),
        "next_decisions": next_decisions(state) if state else [],
        "numbers": numbers,
        "engines": [
            EngineState(engine, state is not None and state.is_available(engine.name), ages[engine.name])
            for engine in Engine.objects.all()
        ],
        "guardrails": guardrail_bars(state) if state else [],
        "stakes": found,
        "open_permits": open_permits,
        "last_replay": ReplayRun.objects.first(),
    }


def engine_lanes() -> list[tuple[str, Lane]]:
    """The last day of each engine that was ever seen."""
    now = timezone.now()
    return [(engine, lane_of(engine, now, uptime)) for engine, uptime in sorted(uptimes().items())]


def latest_decisions(request: HttpRequest) -> dict[str, Any]:
    """The last decisions, or what is still to be done for the first one: as this site stands, and under its address."""
    decisions = list(ExecutionDecision.objects.select_related("experiment__signal")[:DECISIONS_SHOWN])
    if decisions:
        return {"decisions": decisions}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM signals), ({HEARTBEAT_AGE})")  # noqa: S608 (our own statement)
        any_signal, worker_age = cursor.fetchone()
    return {
        "decisions": [],
        "any_signal": any_signal,
        "has_worker": worker_age is not None and worker_age <= STARTING_SECONDS,
        "source": WebhookSource.objects.filter(is_active=True).order_by("pk").first(),
        "webhook": f"{request.scheme}://{request.get_host()}{webhook_path('<token>')}",
        "port": request.get_host().rpartition(":")[2],
    }


def next_decisions(state: PolicyState) -> list[str]:
    """What a signal received now would be decided to, by the rules themselves, and how likely each is."""
    sentences = {variant: _sentence(state, variant) for variant in ("A", "B")}
    if sentences["A"] == sentences["B"]:
        return [sentences["A"]]
    chances = {"A": state.settings.split_percentage, "B": 100 - state.settings.split_percentage}
    return [
        f"{plain_text(chances[variant])}% chance that {sentence}"
        for variant, sentence in sentences.items()
        if chances[variant]
    ]


def _sentence(state: PolicyState, variant: str) -> str:
    decision = resolve_policy(state.inputs(variant))
    if decision.executed_engine is None:
        return f"no engine trades for real and both shadow ({decision.execution_mode}, {decision.reason})"
    return (
        f"engine {decision.executed_engine} trades for real and engine {decision.shadow_engine} shadows "
        f"({decision.execution_mode}, {decision.reason})"
    )
