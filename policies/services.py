"""Writes: new policy versions, heartbeats, the kill switch, engines on and off."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from policies.content import PolicySettings, parse_settings
from policies.exceptions import PoliciesError
from policies.models import ApiKey, Engine, Halt, KeyOwner, PolicyVersion
from policies.selectors import active_policy

log = structlog.get_logger(__name__)

MAX_KEY_NAME = 50  # the library's column


def create_policy_version(
    content: PolicySettings, *, base_version: int | None, note: str, created_by: str
) -> PolicyVersion:
    """Put new settings in force, as the version after `base_version` (R12.2).

    Raises PoliciesError `policy_conflict` when somebody else has put another version in force since
    `base_version`; the unique base of each version decides that race, not this code.
    """
    if not note.strip():
        raise PoliciesError("note_missing", "Say why this version is made.", "/note")
    try:
        with transaction.atomic():
            version = PolicyVersion.objects.create(
                **{name: getattr(content, name) for name in content.__slots__},
                version=(base_version or 0) + 1,
                base_version_id=base_version,
                note=note.strip(),
                created_by=created_by,
                activated_at=timezone.now(),
                content_hash=content.content_hash(),
            )
    except IntegrityError:
        latest = active_policy()
        raise PoliciesError(
            "policy_conflict",
            f"Version {latest.version if latest else 1} was put in force meanwhile; start again from it.",
        ) from None
    log.info("policy.activated", policy_version=version.version, created_by=created_by, note=version.note)
    return version


def ensure_first_version() -> PolicyVersion:
    """Make version 1 from the environment if there is none (R12.1); safe to call from many processes."""
    if (policy := active_policy()) is not None:
        return policy
    content, errors = parse_settings(settings.INITIAL_POLICY)
    if content is None:
        raise errors[0]
    try:
        return create_policy_version(
            content, base_version=None, note="First version, from the environment.", created_by="environment"
        )
    except PoliciesError:
        # Another process made it between our look and our insert.
        policy = active_policy()
        assert policy is not None
        return policy


HEARTBEAT = """
UPDATE engines SET last_heartbeat_at = now(), engine_version = %s, rules_hash = %s WHERE name = %s
RETURNING last_heartbeat_at + make_interval(secs => (
    SELECT heartbeat_ttl_seconds FROM policy_versions ORDER BY version DESC LIMIT 1)), enabled
"""


def record_heartbeat(engine: str, *, engine_version: str, rules_hash: str) -> tuple[datetime, bool]:
    """Note that an engine lives, by the database clock; return until when it is available and if it is enabled."""
    with connection.cursor() as cursor:
        cursor.execute(HEARTBEAT, (engine_version, rules_hash, engine))
        available_until, enabled = cursor.fetchone()
    return available_until, enabled


def set_engine_enabled(engine: str, *, enabled: bool, reason: str, by: str) -> None:
    """Switch an engine on or off; off makes it unavailable from the next decision on."""
    if not reason.strip():
        raise PoliciesError("reason_missing", "Say why.", "/reason")
    note = "" if enabled else f"{reason.strip()} ({by})"
    Engine.objects.filter(name=engine).update(enabled=enabled, disabled_reason=note)
    log.warning("engine.switched", engine=engine, enabled=enabled, reason=reason.strip(), by=by)


def engage_halt(*, reason: str, by: str) -> Halt:
    """Pull the kill switch: from the next decision on nothing trades for real. Never waits for approval."""
    if not reason.strip():
        raise PoliciesError("reason_missing", "Say why everything stops.", "/reason")
    try:
        with transaction.atomic():
            halt = Halt.objects.create(engaged_at=Now(), engaged_by=by, reason=reason.strip())
    except IntegrityError:
        raise PoliciesError("already_halted", "A halt holds already; it needs no second one.") from None
    halt.refresh_from_db()
    log.warning("halt.engaged", halt_id=halt.pk, reason=halt.reason, by=by)
    return halt


def release_halt(*, reason: str, by: str) -> Halt:
    """Let new experiments be decided by the policy again."""
    if not reason.strip():
        raise PoliciesError("reason_missing", "Say why it may go on.", "/reason")
    with transaction.atomic():
        halt = Halt.objects.select_for_update().filter(released_at__isnull=True).first()
        if halt is None:
            raise PoliciesError("not_halted", "No halt holds; there is nothing to release.")
        Halt.objects.filter(pk=halt.pk).update(released_at=Now(), released_by=by, release_reason=reason.strip())
    halt.refresh_from_db()
    log.warning("halt.released", halt_id=halt.pk, reason=halt.release_reason, by=by)
    return halt


def create_api_key(*, owner: str, name: str) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which is shown this once and kept nowhere."""
    if owner not in KeyOwner.values:
        raise PoliciesError("owner_unknown", f"Owner is one of {', '.join(KeyOwner.values)}.", "/owner")
    if len(name) > MAX_KEY_NAME:
        raise PoliciesError("name_too_long", f"A name has at most {MAX_KEY_NAME} characters.", "/name")
    key, text = ApiKey.objects.create_key(name=name or owner, owner=owner)
    assert isinstance(key, ApiKey)
    log.info("api_key.created", owner=owner, prefix=key.prefix)
    return key, text


def revoke_api_key(*, prefix: str, by: str) -> bool:
    """Make a key useless at once; tell whether there was one to revoke."""
    found = ApiKey.objects.filter(prefix=prefix, revoked=False).update(revoked=True) > 0
    if found:
        log.warning("api_key.revoked", prefix=prefix, by=by)
    return found
