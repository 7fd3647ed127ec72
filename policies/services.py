"""Writes: new policy versions, heartbeats, the kill switch, guardrails, engines on and off, keys.

Every change is in the audit log, in the same transaction; only heartbeats are not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Least, Now

from kernel.actors import Actor
from kernel.audit import record
from kernel.canonical import canonical_text
from kernel.errors import DomainError, gone
from kernel.events import (
    API_KEY_CREATED,
    API_KEY_REVOKED,
    ENGINE_SWITCHED,
    GUARDRAIL_RELEASED,
    HALT_ENGAGED,
    HALT_RELEASED,
    POLICY_ACTIVATED,
)
from kernel.sql import load
from kernel.trips import Statement, execute_together
from policies.access import forget_keys
from policies.core.settings import PolicySettings, diff, parse_settings
from policies.models import ApiKey, Engine, EngineSwitch, GuardrailTrip, Halt, KeyOwner, PolicyVersion
from policies.selectors import (
    EXCLUSIVE_LOCK,
    active_policy,
    instant_of_change,
    instant_of_urgent_change,
    state_in_force,
)

MAX_KEY_NAME = 50  # the library's column
ENVIRONMENT = Actor("environment")


def required_reason(reason: str, sentence: str) -> str:
    """The reason without surrounding space; raises `reason_missing` with this sentence when nothing is left."""
    if not reason.strip():
        raise DomainError("reason_missing", sentence, "/reason")
    return reason.strip()


def create_policy_version(
    actor: Actor, content: PolicySettings, *, base_version: int | None, note: str
) -> PolicyVersion:
    """Activate new settings at once, as the version after `base_version` (R12.2).

    Raises DomainError `policy_conflict` when somebody else has activated another version since
    `base_version`; the unique base of each version decides that race, not this code.
    """
    with transaction.atomic():
        version = insert_version(actor, content, base_version=base_version, note=note)
        changes = changes_from_base(version)
        record(actor, "policy.created", f"version {version.version}", reason=version.note, changes=changes)
    return version


def changes_from_base(version: PolicyVersion) -> dict[str, tuple[str, str]]:
    """The settings that differ from the version before, for the audit log; empty for the first."""
    if version.base_version is None:
        return {}
    return {one.name: (one.before, one.after) for one in diff(version.base_version.content, version.content)}


def insert_version(actor: Actor, content: PolicySettings, *, base_version: int | None, note: str) -> PolicyVersion:
    """Write the version after `base_version`; the caller records who wanted it."""
    if not note.strip():
        raise DomainError("note_missing", "Say why the policy changes.", "/note")
    # Without this look the foreign key to the base would complain at the commit only.
    if base_version is not None and not PolicyVersion.objects.filter(version=base_version).exists():
        raise _conflict()
    try:
        with transaction.atomic():
            version = PolicyVersion.objects.create(
                **content.columns(),
                version=(base_version or 0) + 1,
                base_version_id=base_version,
                note=note.strip(),
                created_by=actor.name,
                activated_at=instant_of_change(),
                content_hash=content.content_hash(),
            )
            # That foreign key is deferred; make a base that went away since the look fail here, not at the commit.
            connection.check_constraints()
    except IntegrityError:
        raise _conflict() from None
    transaction.on_commit(
        lambda: POLICY_ACTIVATED.log(policy_version=version.version, created_by=version.created_by, note=version.note)
    )
    return version


def _conflict() -> DomainError:
    latest = active_policy()
    version = latest.version if latest else 1
    return DomainError("policy_conflict", f"Version {version} was activated in the meantime; start again from it.")


def ensure_first_version() -> PolicyVersion:
    """Create version 1 from the environment if there is none (R12.1); safe to call from many processes."""
    if (policy := active_policy()) is not None:
        return policy
    content, errors = parse_settings(settings.INITIAL_POLICY)
    if content is None:
        raise errors[0]
    try:
        return create_policy_version(
            ENVIRONMENT, content, base_version=None, note="First version, created from the environment."
        )
    except DomainError:
        # Another process created it between our look and our insert.
        policy = active_policy()
        assert policy is not None
        return policy


HEARTBEAT = load(__file__, "heartbeat.sql")


class HeartbeatAnswer(NamedTuple):
    """What an engine hears about itself and about trading."""

    available_until: datetime
    enabled: bool
    halted: bool


def record_heartbeat(engine: str, *, engine_version: str, rules_hash: str, model: Any = None) -> HeartbeatAnswer:
    """Store a heartbeat, by the database clock; `model`, any JSON, names the versions of model, prompt and tools.

    One trip to the server, one transaction: the engine's row and its history of availability. Raises
    `history_incomplete` where somebody has deleted the row, or every policy version.
    """
    reported = {
        "engine": engine,
        "engine_version": engine_version,
        "rules_hash": rules_hash,
        "model": None if model is None else canonical_text(model),
    }
    _, answer = execute_together(Statement(EXCLUSIVE_LOCK), Statement(HEARTBEAT, reported))
    if not answer:
        # `migrate` makes both engines and the first version, and nobody deletes either but past all triggers.
        raise gone("every policy version" if active_policy() is None else f"engine {engine}")
    return HeartbeatAnswer(*answer[0])


def set_engine_enabled(actor: Actor, engine: str, *, enabled: bool, reason: str) -> None:
    """Enable or disable an engine; disabled, it is unavailable from the next decision on."""
    reason = required_reason(reason, "Say why the engine is disabled or enabled.")
    note = "" if enabled else f"{reason} ({actor.name})"
    with transaction.atomic():
        # The lock before the row, as in a heartbeat; the other way round the two could deadlock.
        switched_at = instant_of_change()
        if not Engine.objects.filter(name=engine).update(enabled=enabled, disabled_reason=note):
            raise DomainError("not_found", "The engine must be A or B.", "/engine")
        EngineSwitch.objects.create(
            engine=engine, enabled=enabled, reason=reason, switched_by=actor.name, switched_at=switched_at
        )
        changes = {"enabled": (str(not enabled), str(enabled))}
        subject = f"engine {engine} {'enabled' if enabled else 'disabled'}"
        record(actor, "engine.switched", subject, reason=reason, changes=changes)
    # After the commit: an event must not tell of a change that was rolled back.
    ENGINE_SWITCHED.log(engine=engine, enabled=enabled, reason=reason, by=actor.name)


def engage_halt(actor: Actor, *, reason: str) -> Halt:
    """Engage the kill switch: from the next decision on nothing trades for real. Never waits for approval."""
    reason = required_reason(reason, "Say why trading is halted.")
    try:
        with transaction.atomic():
            # No look before: of two operators who halt at once, the unique open halt lets the first one in.
            halt = Halt.objects.create(engaged_at=instant_of_urgent_change(), engaged_by=actor.name, reason=reason)
            changes = {"trading": ("by the policy", "halted")}
            record(actor, "halt.engaged", f"halt {halt.pk}", reason=reason, changes=changes)
    except IntegrityError:
        raise DomainError("already_halted", "Trading is already halted.") from None
    HALT_ENGAGED.log(halt_id=halt.pk, reason=halt.reason, by=actor.name)
    return halt


def release_halt(actor: Actor, *, reason: str) -> Halt:
    """Let new experiments be decided by the policy again."""
    reason = required_reason(reason, "Say why trading resumes.")
    with transaction.atomic():
        moment = instant_of_change()
        halt = Halt.objects.select_for_update().filter(released_at__isnull=True).first()
        if halt is None:
            raise DomainError("not_halted", "Trading is not halted.")
        Halt.objects.filter(pk=halt.pk).update(released_at=moment, released_by=actor.name, release_reason=reason)
        changes = {"trading": ("halted", "by the policy")}
        record(actor, "halt.released", f"halt {halt.pk}", reason=reason, changes=changes)
    halt.refresh_from_db()
    HALT_RELEASED.log(halt_id=halt.pk, reason=halt.release_reason, by=actor.name)
    return halt


def run_halt_drill(actor: Actor) -> Halt:
    """Halt trading, look whether the next decision would see it, and resume; how long it took is kept with the halt.

    Raises `already_halted` while trading is halted in earnest.
    """
    begun = monotonic()
    halt = engage_halt(actor, reason="Halt drill.")
    try:
        # As the worker does before it decides.
        assert state_in_force().halted, "The halt was engaged, and decisions do not see it."
        took = Decimal(str(round(monotonic() - begun, 3)))
        Halt.objects.filter(pk=halt.pk).update(drill_seconds=took)
    finally:
        release_halt(actor, reason="The drill is over.")
    halt.refresh_from_db()
    return halt


def release_guardrail(actor: Actor, trip_id: int, *, reason: str) -> GuardrailTrip:
    """Resume trading after a guardrail has tripped; what happened so far is ignored by it from now on."""
    reason = required_reason(reason, "Say why the guardrail is released.")
    with transaction.atomic():
        # One UPDATE with its condition: of two releases at once the second changes nothing, and is told so.
        released = GuardrailTrip.objects.filter(pk=trip_id, released_at__isnull=True).update(
            released_at=instant_of_change(), released_by=actor.name, release_reason=reason
        )
        if not released:
            raise DomainError("not_tripped", "This guardrail is not tripped.")
        trip = GuardrailTrip.objects.get(pk=trip_id)
        record(actor, "guardrail.released", f"trip {trip.pk} of {trip.name}", reason=reason)
    GUARDRAIL_RELEASED.log(trip_id=trip.pk, name=trip.name, reason=reason, by=actor.name)
    return trip


def create_api_key(actor: Actor, *, owner: str, name: str) -> tuple[ApiKey, str]:
    """A new key with its text, which is shown only once and stored nowhere."""
    if owner not in KeyOwner.values:
        raise DomainError("owner_unknown", f"The owner must be one of {', '.join(KeyOwner.values)}.", "/owner")
    if len(name) > MAX_KEY_NAME:
        raise DomainError("name_too_long", f"The name must have at most {MAX_KEY_NAME} characters.", "/name")
    with transaction.atomic():
        key, text = ApiKey.objects.create_key(name=name or owner, owner=owner)
        assert isinstance(key, ApiKey)
        # The prefix only: the audit log is read by more people than may hold a key.
        record(actor, "api_key.created", f"key {key.prefix} of {owner}")
    API_KEY_CREATED.log(owner=owner, prefix=key.prefix)
    return key, text


def rotate_api_key(actor: Actor, *, prefix: str, overlap: timedelta) -> tuple[ApiKey, str]:
    """A new key of the same owner and name, with its text; the old one stops after `overlap`, which may be none.

    Raises `not_found` when no key of this prefix is active.
    """
    with transaction.atomic():
        old = ApiKey.objects.select_for_update().filter(prefix=prefix, revoked=False).first()
        if old is None or old.has_expired:
            raise DomainError("not_found", f"No active key has prefix {prefix}.")
        new, text = create_api_key(actor, owner=old.owner, name=old.name)
        if overlap:
            # Never later than it would have ended anyway.
            ends = Least(Now() + overlap, "expiry_date")
            ApiKey.objects.filter(pk=old.pk).update(expiry_date=ends)
        else:
            revoke_api_key(actor, prefix=prefix)
        record(actor, "api_key.rotated", f"key {prefix} to {new.prefix}", reason=f"the old one lasts {overlap}")
    forget_keys()
    return new, text


def revoke_api_key(actor: Actor, *, prefix: str) -> bool:
    """Revoke a key, here at once and elsewhere within a second; whether there was an active one of this prefix."""
    with transaction.atomic():
        found = ApiKey.objects.filter(prefix=prefix, revoked=False).update(revoked=True) > 0
        if found:
            record(actor, "api_key.revoked", f"key {prefix}", changes={"state": ("active", "revoked")})
    if found:
        forget_keys()
        API_KEY_REVOKED.log(prefix=prefix, by=actor.name)
    return found
