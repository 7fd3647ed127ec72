"""Writes: ramps, their approval, start and end, and the moves from step to step."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from kernel.actors import SYSTEM, Actor
from kernel.audit import record
from kernel.errors import DomainError
from policies.core.ramps import Move, RampPlan, StepFacts, next_move, step_settings
from policies.core.settings import PolicySettings
from policies.models import PolicyRamp, PolicyVersion, RampState
from policies.selectors import policy_in_force
from policies.services import changes_from_base, insert_version, required_reason


def plan_ramp(actor: Actor, plan: RampPlan, *, note: str) -> PolicyRamp:
    """Plan a ramp from the version in force; nothing changes before it is started."""
    note = required_reason(note, "Say why the share is raised.")
    base = policy_in_force()
    with transaction.atomic():
        ramp = PolicyRamp.objects.create(
            base_version=base,
            shares=plan.document()["shares"],
            hold_hours=plan.hold_hours,
            min_trades=plan.min_trades,
            max_loss=plan.max_loss,
            note=note,
            content_hash=plan.content_hash(base.content),
            created_by=actor.name,
            planner=actor.person,
            created_at=timezone.now(),
        )
        record(actor, "ramp.planned", f"ramp {ramp.pk} of version {base.version}", reason=note)
    return ramp


def approve_ramp(actor: Actor, ramp_id: int) -> PolicyRamp:
    """Approve all steps of a ramp, which never changes; whoever planned it cannot."""
    with transaction.atomic():
        ramp = _locked(ramp_id, RampState.OPEN)
        if actor.person == ramp.planner:
            raise DomainError("own_draft", "You cannot approve your own ramp.")
        ramp.approved_by, ramp.approver, ramp.approved_at = actor.name, actor.person, timezone.now()
        ramp.save(update_fields=("approved_by", "approver", "approved_at"))
        record(actor, "ramp.approved", f"ramp {ramp.pk}", reason=ramp.content_hash)
    return ramp


def start_ramp(actor: Actor, ramp_id: int) -> PolicyRamp:
    """Activate the first step. Raises `approval_missing`, and `policy_conflict` when the base is no longer in force."""
    try:
        with transaction.atomic():
            ramp = _locked(ramp_id, RampState.OPEN)
            if settings.POLICY_REQUIRE_APPROVAL and not ramp.approver:
                raise DomainError("approval_missing", "Somebody else must approve the ramp first.")
            ramp.started_by, ramp.state = actor.name, RampState.RUNNING
            _take_step(ramp, 0, ramp.base_version)
    except IntegrityError:
        raise DomainError("draft_settled", "Another ramp is running; stop it first.") from None
    return ramp


def stop_ramp(actor: Actor, ramp_id: int, *, reason: str) -> PolicyRamp:
    """Stop a running ramp and go back to the settings before it; an open one is given up."""
    reason = required_reason(reason, "Say why the ramp stops.")
    with transaction.atomic():
        ramp = _locked(ramp_id, RampState.OPEN, RampState.RUNNING)
        _stop(actor, ramp, reason)
    return ramp


def move_ramps(facts_of: Callable[[PolicyRamp], StepFacts]) -> int:
    """Look at the running ramp and take the move that its plan says; how many moved. Harmless at any time."""
    with transaction.atomic():
        # Skipped, not waited for: another worker is moving it.
        ramp = PolicyRamp.objects.select_for_update(skip_locked=True, of=("self",)).filter(state="RUNNING").first()
        if ramp is None:
            return 0
        assert ramp.current_version is not None
        assert ramp.step is not None
        if (active := policy_in_force()) != ramp.current_version:
            # Somebody has decided otherwise, and that holds.
            _end(SYSTEM, ramp, RampState.STOPPED, f"version {active.version} was activated by {active.created_by}")
            return 1
        move, why = next_move(ramp.plan, facts_of(ramp))
        if move is Move.STOP:
            _stop(SYSTEM, ramp, why)
        elif move is Move.ADVANCE and ramp.step + 1 == len(ramp.shares):
            _end(SYSTEM, ramp, RampState.DONE, why)
        elif move is Move.ADVANCE:
            _take_step(ramp, ramp.step + 1, ramp.current_version)
        elif why != ramp.outcome:
            ramp.outcome = why
            ramp.save(update_fields=("outcome",))
        return int(move is not Move.WAIT)


def _take_step(ramp: PolicyRamp, step: int, base: PolicyVersion) -> None:
    actor, share = Actor(ramp.started_by), ramp.plan.shares[step]
    content = PolicySettings(**step_settings(ramp.base_version.content, share))  # type: ignore[arg-type]
    note = f"Step {step + 1} of {len(ramp.shares)} of ramp {ramp.pk}: {share} % for engine B. {ramp.note}"
    version = insert_version(actor, content, base_version=base.version, note=note)
    ramp.step, ramp.current_version, ramp.outcome = step, version, ""
    ramp.save()
    record(actor, "ramp.moved", f"ramp {ramp.pk} to version {version.version}", changes=changes_from_base(version))


def _stop(actor: Actor, ramp: PolicyRamp, reason: str) -> None:
    """End it; what was in force before it is in force again, unless somebody has changed the policy since."""
    if ramp.current_version is not None and policy_in_force() == ramp.current_version:
        note = f"Ramp {ramp.pk} has stopped: {reason}"
        insert_version(actor, ramp.base_version.content, base_version=ramp.current_version.version, note=note)
    _end(actor, ramp, RampState.STOPPED, reason)


def _end(actor: Actor, ramp: PolicyRamp, state: RampState, outcome: str) -> None:
    ramp.state, ramp.outcome, ramp.ended_at = state, outcome, timezone.now()
    ramp.save(update_fields=("state", "outcome", "ended_at"))
    record(actor, f"ramp.{state.lower()}", f"ramp {ramp.pk}", reason=outcome)


def _locked(ramp_id: int, *states: RampState) -> PolicyRamp:
    ramp = PolicyRamp.objects.select_for_update(of=("self",)).filter(pk=ramp_id).first()
    if ramp is None:
        raise DomainError("not_found", f"Ramp {ramp_id} does not exist.")
    if ramp.state not in states:
        raise DomainError("draft_settled", f"This ramp is {ramp.state.lower()}.")
    return ramp
