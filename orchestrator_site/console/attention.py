"""What asks for an operator's attention: each thing once, with the page where it is dealt with.

Whoever has seen one says so, or puts it off; both are kept with name and time. A mark holds for the facts that stood
there, so that the same kind of trouble asks again once they are others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from admin_kit.display import age_text
from experiments.models import ReplayRun
from experiments.worker.liveness import HEARTBEAT_AGE, STARTING_SECONDS
from experiments.worker.pipeline import guardrail_levels
from kernel.actors import actor_of
from kernel.models import AttentionMark
from kernel.sql import load
from orchestrator_site.health import WAITING_LIMIT_SECONDS
from policies.core.rules import PolicyState
from policies.core.settings import label_of
from policies.models import Engine
from policies.selectors import NoPolicyError, open_trip, state_in_force

MAY_ACKNOWLEDGE = "kernel.add_attentionmark"
SNOOZE_HOURS = (1, 8, 24)
# A guardrail that has come this near to its limit is worth a look before it trips.
NEAR = 0.8
# A switch that nobody has used for longer may not work on the day it is needed.
DRILL_DAYS = 31
SILENT_SIGNALS = load(__file__, "silent_signals.sql")
READ = load(__file__, "attention.sql").replace("/* worker */", f"({HEARTBEAT_AGE})")


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing to look at; `facts` tell one occasion from the next, and `mark` is set where somebody has seen it."""

    kind: str
    text: str
    view: str
    query: str = ""
    facts: str = ""
    urgent: bool = False
    mark: AttentionMark | None = None


# A draft or a ramp waits for a second person only where one is required (POLICY_REQUIRE_APPROVAL).
MAY_NEED_APPROVAL = frozenset({"unapproved_drafts", "unapproved_ramps"})


@dataclass(frozen=True, slots=True)
class Counted:
    """What asks for attention while a column of attention.sql holds anything; `text` takes it, `facts` name columns."""

    kind: str
    counted: str
    text: str
    view: str
    query: str
    facts: tuple[str, ...]
    urgent: bool = False


COUNTED = (
    Counted(
        "incidents", "open_incidents", "Incidents to acknowledge: {}.",
        "outcomes_incident_changelist", "acknowledged=no", ("open_incidents", "last_incident"), urgent=True,
    ),
    Counted(
        "refused_activations", "refused_activations",
        "Scheduled policies that failed to activate in the last 24 hours: {}.",
        "policies_policydraft_changelist", "state__exact=REFUSED", ("last_refused",), urgent=True,
    ),
    Counted(
        "stopped_ramp", "stopped_ramp", "A ramp has stopped: {}.",
        "policies_policyramp_changelist", "state__exact=STOPPED", ("last_stopped",), urgent=True,
    ),
    Counted(
        "silent_sources", "silent_sources", "Silent for longer than usual: {}.",
        "signals_app_missingalert_changelist", "kind__exact=silence&arrival=none", ("last_silence",), urgent=True,
    ),
    Counted(
        "archiving", "archiving", "Old rows cannot be archived: {}.",
        "retention", "", ("archiving_since",), urgent=True,
    ),
    Counted(
        "months", "months", "Partitions of the coming months are not as they should be: {}.",
        "retention", "", ("months_since",),
    ),
    Counted(
        "failed_signals", "failed", "Failed signals to retry or discard: {}.",
        "signals_app_signal_changelist", "failure=open", ("failed", "last_failed"),
    ),
    Counted(
        "amendments", "open_amendments", "Amendments to decide: {}.",
        "outcomes_tradeamendment_changelist", "state__exact=PROPOSED", ("open_amendments", "last_amendment"),
    ),
    Counted(
        "overdue_exits", "overdue_directives", "Overdue shadow exits without a price: {}.",
        "outcomes_exitdirective_changelist", "state__exact=PENDING", ("overdue_directives", "first_overdue"),
    ),
    Counted(
        # Asks again for another code, and for the same one on another day.
        "engine_errors", "engine_errors", "Errors returned to engines since yesterday (UTC): {}.",
        "engines", "", ("error_codes",),
    ),
    Counted(
        "missing_alerts", "missing_alerts", "Alerts missing in the last 24 hours: {}.",
        "signals_app_missingalert_changelist", "arrival=alert&noticed_at_within=24h", ("last_missing",),
    ),
    Counted(
        "rejected_alerts", "rejected", "Alerts rejected in the last 24 hours: {}.",
        "inbox", "outcome=rejected&within=24h", ("last_rejected",),
    ),
    Counted(
        "conflicting_alerts", "conflicts", "Alerts of the last 24 hours that contradict an earlier one: {}.",
        "inbox", "outcome=conflict&within=24h", ("last_conflict",),
    ),
    Counted(
        "unknown_tokens", "unknown_tokens", "Requests with an unknown webhook token in the last 24 hours: {}.",
        "signals_app_unknowntokenattempt_changelist", "", ("unknown_tokens",),
    ),
    Counted(
        "unapproved_drafts", "unapproved_drafts", "Policy drafts waiting for approval: {}.",
        "policies_policydraft_changelist", "state__exact=OPEN", ("unapproved_drafts", "last_edit"),
    ),
    Counted(
        "unapproved_ramps", "unapproved_ramps", "Policy ramps waiting for approval: {}.",
        "policies_policyramp_changelist", "state__exact=OPEN", ("unapproved_ramps", "last_ramp"),
    ),
    Counted(
        "unapproved_evaluations", "unapproved_evaluations", "Evaluations waiting for approval: {}.",
        "outcomes_evaluation_changelist", "", ("unapproved_evaluations", "last_evaluation"),
    ),
    Counted(
        "ended_evaluation", "ended_evaluation", "The evaluation {} has ended.",
        "outcomes_evaluation_latest", "", ("ended_evaluation",),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inbox:
    """What is open, the most urgent first, and what operators have seen or put off."""

    open: list[Attention]
    seen: list[Attention]


def inbox() -> Inbox:
    """Everything that asks for attention as of now."""
    # By the database's clock, which has stamped them.
    put_off = ExpressionWrapper(Q(until__gt=Now()), output_field=BooleanField())
    marks = AttentionMark.objects.order_by("kind", "-id").distinct("kind").annotate(is_put_off=put_off)
    latest = {mark.kind: mark for mark in marks}

    def covering(one: Attention) -> AttentionMark | None:
        """The latest mark of its kind, if it still covers these facts."""
        mark: Any = latest.get(one.kind)
        if mark is None:
            return None
        covers = mark.is_put_off if mark.until is not None else mark.facts == one.facts
        return mark if covers else None

    found = [replace(one, mark=covering(one)) for one in what_asks()]
    return Inbox([one for one in found if one.mark is None], [one for one in found if one.mark is not None])


def what_asks() -> Iterator[Attention]:
    """Whatever an operator should look at, the most urgent first, marked or not."""
    with connection.cursor() as cursor:
        cursor.execute(READ)
        names = [column.name for column in cursor.description]
        facts = SimpleNamespace(**dict(zip(names, cursor.fetchone(), strict=True)))
    try:
        state: PolicyState | None = state_in_force()
    except NoPolicyError:
        state = None
    yield from _brakes(facts, state)
    yield from _machinery(facts)
    if state is not None:
        yield from _engines(state)
    for each in COUNTED:
        if each.kind in MAY_NEED_APPROVAL and not settings.POLICY_REQUIRE_APPROVAL:
            continue
        if counted := getattr(facts, each.counted):
            told = " ".join(str(getattr(facts, name)) for name in each.facts)
            yield Attention(each.kind, each.text.format(counted), each.view, each.query, told, each.urgent)


def _brakes(facts: SimpleNamespace, state: PolicyState | None) -> Iterator[Attention]:
    if facts.halt is not None:
        yield Attention(
            "halt", "Trading is halted: no new real trades.", "kill_switch", facts=str(facts.halt), urgent=True
        )
    trip = open_trip()
    if trip is not None:
        text = f"Guardrail tripped: {trip.label} is {trip.value} (limit {trip.limit}). No new real trades."
        yield Attention("guardrail", text, "policies_guardrailtrip_changelist", facts=str(trip.pk), urgent=True)
    elif state is not None:
        for level in guardrail_bars(state):
            if level.share >= NEAR:
                text = f"{level.label} is at {level.value} of {level.limit}, close to its limit."
                yield Attention(f"near_{level.name}", text, "policies_guardrailtrip_changelist", facts=level.value)


def _machinery(facts: SimpleNamespace) -> Iterator[Attention]:
    if facts.worker_age is None or facts.worker_age > STARTING_SECONDS:
        yield Attention(
            "worker",
            "No worker is running. Start one: manage.py worker",
            "experiments_workerheartbeat_changelist",
            facts=str(facts.worker_seen),
            urgent=True,
        )
    if (facts.oldest_wait or 0) > WAITING_LIMIT_SECONDS:
        yield Attention(
            "pending",
            f"A signal has been pending for {age_text(facts.oldest_wait)}.",
            "signals_app_signal_changelist",
            "status__exact=PENDING",
            facts=str(facts.pending_since),
            urgent=True,
        )
    # Since the last drill or, before the first, since the desk began.
    if (facts.since_drill or 0) > DRILL_DAYS:
        text = f"The last halt drill was {facts.since_drill} days ago." if facts.last_drill else "No halt drill yet."
        yield Attention("halt_drill", f"{text} Run one: it takes a second.", "halt_drill", facts=str(facts.last_drill))
    # The latest of each: one of the archives says nothing about what is in the database.
    of_archives = ExpressionWrapper(Q(selection__has_key="archive"), output_field=BooleanField())
    for run in ReplayRun.objects.annotate(archives=of_archives).order_by("archives", "-id").distinct("archives"):
        if run.differences:
            kind, where = ("archive_replay", "archives") if run.archives else ("replay", "the stored data")
            yield Attention(
                kind,
                f"The last replay found differences in {where}: {run.differences}.",
                "experiments_replayrun_changelist",
                facts=str(run.pk),
                urgent=True,
            )


def _engines(state: PolicyState) -> Iterator[Attention]:
    with connection.cursor() as cursor:
        cursor.execute(SILENT_SIGNALS)
        silences = {name: (age, missed) for name, age, missed in cursor.fetchall()}
    for engine in Engine.objects.all():
        if state.is_available(engine.name):
            continue
        age, missed = silences[engine.name]
        if not engine.enabled:
            text = f"{engine} is unavailable: disabled: {engine.disabled_reason}."
        elif age is None:
            text = f"{engine} is unavailable: no heartbeat yet."
        else:
            limit = state.settings.heartbeat_ttl_seconds
            text = f"{engine} has been silent for {age_text(age)} (limit {limit} s)."
        if missed:
            text += f" {missed} signal{'s were' if missed > 1 else ' was'} decided without it."
        facts = f"{engine.enabled} {engine.last_heartbeat_at}"
        yield Attention(f"engine_{engine.name}", text, "engines", facts=facts, urgent=True)


@dataclass(frozen=True, slots=True)
class GuardrailBar:
    """How near a guardrail is to its limit; `share` is 1 at the limit."""

    name: str
    value: str
    limit: str
    share: float

    @property
    def label(self) -> str:
        """What people call it."""
        return label_of(self.name)


def guardrail_bars(state: PolicyState) -> list[GuardrailBar]:
    """Every guardrail that has a limit, measured as of now."""
    return [
        GuardrailBar(name, str(value), str(limit), float(value / limit) if limit else 1.0)
        for name, value, limit in guardrail_levels(state.settings)
    ]


@require_POST
@permission_required(MAY_ACKNOWLEDGE, raise_exception=True)
def mark(request: HttpRequest) -> HttpResponse:
    """Keep that somebody has seen a thing, or put it off for `hours`; what has changed meanwhile asks again."""
    kind, facts, hours = (request.POST.get(name, "") for name in ("kind", "facts", "hours"))
    one = next((found for found in what_asks() if found.kind == kind), None)
    if one is None:
        messages.info(request, "This has already been dealt with.")
    elif one.facts != facts:
        messages.warning(request, f"It has changed in the meantime: {one.text}")
    else:
        until = Now() + timedelta(hours=int(hours)) if hours in map(str, SNOOZE_HOURS) else None
        made: dict[str, Any] = {"kind": kind, "facts": facts, "until": until}
        AttentionMark.objects.create(**made, made_by=actor_of(request).name, made_at=Now())
    return redirect("admin:index")
