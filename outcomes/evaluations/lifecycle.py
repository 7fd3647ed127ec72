"""From a draft to a running evaluation, and to its end.

The content is written once and never edited: who wants another one writes another draft. So an approval cannot be
undone by an edit, and what runs is what was approved.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from kernel.actors import Actor
from kernel.audit import record
from kernel.errors import DomainError
from kernel.events import EVALUATION_ENDED, EVALUATION_STARTED
from kernel.values import instant_text
from outcomes.core.evaluation import (
    BLOCK_ZONE,
    EVENT,
    EvaluationPlan,
    demand_reason,
    least_worst_block,
)
from outcomes.evaluations.members import Scope
from outcomes.evaluations.rehearsal import Progress, history_of, split_in_force
from outcomes.models import Evaluation, EvaluationApproval, EvaluationRun, RunState
from outcomes.services.case import database_time
from policies.models import Engine, EngineAvailability, PolicyVersion
from policies.selectors import policy_in_force

# Any number that no other use of advisory locks in this database has.
_STARTING = 7_204_118_530_991
HOLD_OFF_STARTS = "SELECT pg_advisory_xact_lock(%s)"


def evaluation_named(name: str) -> Evaluation:
    """The evaluation of this name; raises `not_found`."""
    found = Evaluation.objects.select_related("approval", "run", "run__policy_version").filter(name=name).first()
    if found is None:
        raise DomainError("not_found", f"No evaluation is named {name[:100]!r}.")
    return found


def create_evaluation(actor: Actor, plan: EvaluationPlan, *, progress: Progress = lambda _: None) -> Evaluation:
    """Write a draft; raises `evaluation_exists` and `worst_block_too_small`.

    Without a reason it reads history, which takes minutes of a million signals, and tells the number of each block.
    """
    _refuse_taken(plan.name)
    if not plan.reason:
        demand_reason(plan, history_of(plan, progress), split_in_force())
    try:
        with transaction.atomic():
            evaluation = Evaluation.objects.create(
                **{field.name: getattr(plan, field.name) for field in fields(plan)},
                content_hash=plan.content_hash(),
                created_by=actor.name,
                author=actor.person,
                created_at=database_time(),
            )
            record(actor, "evaluation.created", f"evaluation {plan.name}", reason=plan.note)
    except IntegrityError:
        # Somebody else may have taken it meanwhile.
        _refuse_taken(plan.name)
        raise
    return evaluation


def _refuse_taken(name: str) -> None:
    if Evaluation.objects.filter(name=name).exists():
        raise DomainError("evaluation_exists", f"An evaluation named {name} already exists.", "/name")


def approve_evaluation(actor: Actor, name: str, *, content_hash: str) -> Evaluation:
    """Approve exactly this content, as another person than its author; a second click is the same approval."""
    evaluation = evaluation_named(name)
    if evaluation.content_hash != content_hash:
        raise DomainError("evaluation_changed", "The content is not the one you reviewed.")
    if evaluation.author == actor.person:
        raise DomainError("own_evaluation", "You cannot approve your own evaluation.")
    with transaction.atomic():
        _, is_new = EvaluationApproval.objects.get_or_create(
            evaluation=evaluation,
            defaults={
                "content_hash": content_hash,
                "approved_by": actor.name,
                "approver": actor.person,
                "approved_at": database_time(),
            },
        )
        if is_new:
            record(actor, "evaluation.approved", f"evaluation {name}", reason=content_hash)
    return evaluation_named(name)


def start_evaluation(actor: Actor, name: str, *, progress: Progress = lambda _: None) -> EvaluationRun:
    """Let an approved evaluation run under the policy and the rules in force; what it pins ends it when it changes.

    It reads history, and tells the number of each block.

    Raises `evaluation_state`, `evaluation_running`, `engine_not_registered` and, where the worst block fits the policy
    no more, `worst_block_too_small`.
    """
    evaluation = evaluation_named(name)
    plan = evaluation.plan
    if not EvaluationApproval.objects.filter(evaluation=evaluation).exists():
        raise DomainError("evaluation_state", "Somebody else must approve it first.")
    if EvaluationRun.objects.filter(evaluation=evaluation).exists():
        raise DomainError("evaluation_state", "It has already been started; an evaluation runs only once.")
    # Long over a large history; before the lock, because nothing that is running changes it.
    history = history_of(plan, progress)
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two starts at once would take the same attempt.
            cursor.execute(HOLD_OFF_STARTS, (_STARTING,))
        for running in EvaluationRun.objects.select_for_update().filter(state=RunState.RUNNING):
            end_if_changed(running)
        other = EvaluationRun.objects.filter(state=RunState.RUNNING).select_related("evaluation").first()
        if other is not None:
            raise DomainError("evaluation_running", f"{other.evaluation} is running; one runs at a time.")
        policy = policy_in_force()
        rules = {engine.name: engine.rules_hash for engine in Engine.objects.all()}
        for engine in ("A", "B"):
            if not rules.get(engine):
                raise DomainError("engine_not_registered", f"Engine {engine} has not registered its rules yet.")
        demand_reason(plan, history, split_in_force())
        now = database_time()
        begins_at, starts_on = _beginning(plan, now)
        run = EvaluationRun.objects.create(
            evaluation=evaluation,
            attempt=(EvaluationRun.objects.aggregate(last=Max("attempt"))["last"] or 0) + 1,
            policy_version=policy,
            rules_hash_a=rules["A"],
            rules_hash_b=rules["B"],
            history_blocks=history.blocks,
            least_worst_block=least_worst_block(plan, history, split_in_force()),
            started_by=actor.name,
            started_at=now,
            begins_at=begins_at,
            starts_on=starts_on.astimezone(BLOCK_ZONE).date(),
        )
        record(actor, "evaluation.started", f"evaluation {name}", reason=evaluation.content_hash)
        transaction.on_commit(
            lambda: EVALUATION_STARTED.log(
                evaluation=name,
                attempt=run.attempt,
                content_hash=evaluation.content_hash,
                policy_version=policy.version,
                by=actor.name,
            )
        )
    return run


def _beginning(plan: EvaluationPlan, now: datetime) -> tuple[datetime, datetime]:
    """After which arrival signals take part, and the instant on whose day the first block begins.

    What arrived before the start was known when it was started, whatever the plan says.
    """
    if plan.clock == EVENT:
        assert plan.starts_at is not None
        return now, plan.starts_at
    begins_at = max(now, plan.starts_at or now)
    return begins_at, begins_at


def running_evaluation() -> str:
    """The name of the evaluation that runs, "" when none does."""
    names = EvaluationRun.objects.filter(state=RunState.RUNNING).values_list("evaluation__name", flat=True)
    return names.first() or ""


def finish_evaluation(actor: Actor, name: str, *, reason: str) -> EvaluationRun:
    """End a running evaluation; blocks that are over are still judged. Finished already, it stays as it is."""
    evaluation = evaluation_named(name)
    with transaction.atomic():
        run = EvaluationRun.objects.select_for_update(of=("self",)).filter(evaluation=evaluation).first()
        if run is None:
            raise DomainError("evaluation_state", "It has not been started.")
        end_if_changed(run)
        if run.state == RunState.RUNNING:
            end_run(run, RunState.FINISHED, database_time(), f"finished by {actor.name}: {reason.strip() or '-'}")
            record(actor, "evaluation.finished", f"evaluation {name}", reason=reason)
    return run


def end_run(run: EvaluationRun, state: RunState, at: datetime, because: str) -> None:
    """Let a locked run end."""
    run.state, run.ended_at, run.ended_because = state, at, because
    run.save(update_fields=("state", "ended_at", "ended_because"))
    name = run.evaluation.name
    transaction.on_commit(lambda: EVALUATION_ENDED.log(evaluation=name, state=state.value, because=because))


def end_if_changed(run: EvaluationRun) -> None:
    """End a locked run at the first change of what it is pinned to: policy, rules or strategy of either engine."""
    if run.state != RunState.RUNNING:
        return
    changes: list[tuple[datetime, str]] = []
    later = PolicyVersion.objects.filter(version__gt=run.policy_version_id).order_by("version").first()
    if later is not None:
        changes.append((later.activated_at, f"policy version {later.version} came into force"))
    for engine, pinned in (("A", run.rules_hash_a), ("B", run.rules_hash_b)):
        stretches = EngineAvailability.objects.filter(engine_id=engine, first_heartbeat_at__gt=run.started_at)
        other = stretches.exclude(rules_hash=pinned).order_by("first_heartbeat_at").first()
        if other is not None:
            changes.append((other.first_heartbeat_at, f"engine {engine} registered other rules"))
    first: dict[str, str] = {}
    for engine, strategy, since in Scope.of(run).strategies():
        if first.setdefault(engine, strategy) != strategy:
            changes.append((since, f"engine {engine} answered with strategy version {strategy}"))
    if changes:
        at, what = min(changes)
        end_run(run, RunState.ENDED_BY_CHANGE, at, f"{what} at {instant_text(at)}")
