"""What the first page shows: what would be decided now, what is pending, what needs attention."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from admin_kit.display import age_text
from experiments.models import ExecutionDecision, ReplayRun
from experiments.worker.liveness import HEARTBEAT_AGE, STARTING_SECONDS
from orchestrator_site.health import WAITING_LIMIT_SECONDS
from policies.core.rules import PolicyState, Trip, resolve_policy
from policies.models import Engine, PolicyVersion
from policies.selectors import NoPolicyError, active_policy, open_halt, state_in_force

REFRESH_SECONDS = (0, 5, 30)
DECISIONS_SHOWN = 10

NUMBERS = f"""
SELECT (SELECT count(*) FROM signals WHERE received_at >= date_trunc('day', now())),
       (SELECT count(*) FROM signals WHERE status = 'PENDING'),
       (SELECT extract(epoch FROM now() - min(received_at))::float8 FROM signals WHERE status = 'PENDING'),
       (SELECT count(*) FROM signals WHERE status = 'FAILED' AND discarded_at IS NULL),
       (SELECT count(*) FROM real_trades WHERE status IN ('OPENING', 'OPEN')),
       (SELECT count(*) FROM shadow_trades WHERE status IN ('OPENING', 'OPEN')),
       (SELECT count(*) FROM exit_directives WHERE state = 'PENDING'),
       (SELECT count(*) FROM exit_directives WHERE state = 'PENDING' AND expires_at < now()),
       (SELECT count(*) FROM incidents) - (SELECT count(*) FROM incident_acknowledgements),
       (SELECT count(*) FROM trade_amendments WHERE state = 'PROPOSED'),
       (SELECT count(*) FROM policy_drafts WHERE state = 'REFUSED' AND settled_at >= now() - interval '1 day'),
       ({HEARTBEAT_AGE}),
       EXISTS (SELECT FROM signals)
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
    open_incidents: int
    open_amendments: int
    refused_activations: int
    worker_age: float | None
    any_signal: bool


@dataclass(frozen=True, slots=True)
class EngineState:
    """One engine as the next decision would see it."""

    engine: Engine
    available: bool
    heartbeat_age: float | None


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing an operator should look at, with the page to look at."""

    text: str
    view: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the first page shows."""

    app_mode: str
    policy: PolicyVersion | None
    next_decisions: list[str]
    numbers: Numbers
    engines: list[EngineState]
    attention: list[Attention]
    decisions: list[ExecutionDecision]
    last_replay: ReplayRun | None
    refresh: int
    refresh_choices: tuple[int, ...] = field(default=REFRESH_SECONDS)


def overview(request: HttpRequest) -> Overview:
    """The state of the whole system as of now."""
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS)
        numbers = Numbers(*cursor.fetchone())
        cursor.execute(HEARTBEAT_AGES)
        ages: dict[str, float | None] = dict(cursor.fetchall())
    try:
        state: PolicyState | None = state_in_force()
    except NoPolicyError:
        state = None
    engines = [
        EngineState(engine, state is not None and state.is_available(engine.name), ages[engine.name])
        for engine in Engine.objects.all()
    ]
    last_replay = ReplayRun.objects.first()
    refresh = request.GET.get("refresh", "")
    return Overview(
        app_mode=settings.APP_MODE,
        policy=active_policy(),
        next_decisions=next_decisions(state) if state else [],
        numbers=numbers,
        engines=engines,
        attention=attention(
            numbers,
            engines,
            halted=open_halt() is not None,
            guardrail=state.guardrail if state else None,
            last_replay=last_replay,
        ),
        decisions=list(ExecutionDecision.objects.select_related("experiment__signal")[:DECISIONS_SHOWN]),
        last_replay=last_replay,
        refresh=int(refresh) if refresh in map(str, REFRESH_SECONDS) else 5,
    )


def next_decisions(state: PolicyState) -> list[str]:
    """What a signal received now would be decided to, by the rules themselves."""
    sentences = {variant: _sentence(state, variant) for variant in ("A", "B")}
    if sentences["A"] == sentences["B"]:
        return [sentences["A"]]
    return [f"Variant {variant}: {sentence}" for variant, sentence in sentences.items()]


def attention(
    numbers: Numbers,
    engines: list[EngineState],
    *,
    halted: bool,
    guardrail: Trip | None = None,
    last_replay: ReplayRun | None = None,
) -> list[Attention]:
    """What an operator should look at, the most urgent first."""
    worker_is_late = numbers.worker_age is None or numbers.worker_age > STARTING_SECONDS
    found = [
        halted and Attention("Trading is halted: no new real trades.", "kill_switch"),
        guardrail
        and Attention(
            f"Guardrail tripped: {guardrail.name} is {guardrail.value} (limit {guardrail.limit}).",
            "policies_guardrailtrip_changelist",
        ),
        last_replay
        and last_replay.differences
        and Attention(
            f"The last replay found differences in the stored data: {last_replay.differences}.",
            "experiments_replayrun_changelist",
        ),
        numbers.refused_activations
        and Attention(
            f"Scheduled policies that failed to activate in the last 24 hours: {numbers.refused_activations}.",
            "policies_policydraft_changelist",
            "state__exact=REFUSED",
        ),
        worker_is_late
        and Attention(
            "No worker is running. Start one: manage.py worker",
            "experiments_workerheartbeat_changelist",
        ),
        numbers.failed
        and Attention(
            f"Failed signals to retry or discard: {numbers.failed}.",
            "signals_app_signal_changelist",
            "failure=open",
        ),
        (numbers.oldest_wait or 0) > WAITING_LIMIT_SECONDS
        and Attention(
            f"A signal has been pending for {age_text(numbers.oldest_wait or 0)}.",
            "signals_app_signal_changelist",
            "status__exact=PENDING",
        ),
        *(
            Attention(f"{state.engine} is unavailable: {unavailable_because(state)}.", "engines")
            for state in engines
            if not state.available
        ),
        numbers.open_incidents
        and Attention(
            f"Incidents to acknowledge: {numbers.open_incidents}.",
            "outcomes_incident_changelist",
            "acknowledged=no",
        ),
        numbers.open_amendments
        and Attention(
            f"Amendments to decide: {numbers.open_amendments}.",
            "outcomes_tradeamendment_changelist",
            "state__exact=PROPOSED",
        ),
        numbers.overdue_directives
        and Attention(
            f"Overdue shadow exits without a price: {numbers.overdue_directives}.",
            "outcomes_exitdirective_changelist",
            "state__exact=PENDING",
        ),
    ]
    return [one for one in found if isinstance(one, Attention)]


def unavailable_because(state: EngineState) -> str:
    """Why an engine cannot be given a real trade."""
    if not state.engine.enabled:
        return f"disabled: {state.engine.disabled_reason}"
    if state.heartbeat_age is None:
        return "no heartbeat yet"
    return f"last heartbeat {age_text(state.heartbeat_age)} ago"


def _sentence(state: PolicyState, variant: str) -> str:
    decision = resolve_policy(state.inputs(variant))
    if decision.executed_engine is None:
        return f"no engine trades for real, both shadow ({decision.execution_mode}, {decision.reason})"
    return (
        f"engine {decision.executed_engine} trades for real, engine {decision.shadow_engine} shadows "
        f"({decision.execution_mode}, {decision.reason})"
    )
