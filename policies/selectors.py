"""Reads: the policy in force, versions and drafts by number, who is available, whether trading is halted."""

from __future__ import annotations

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from kernel.errors import DomainError
from kernel.sql import load
from policies.core.settings import SETTING_NAMES, PolicySettings
from policies.core.state import PolicyState, Trip
from policies.models import GuardrailTrip, Halt, PolicyDraft, PolicyVersion
from policies.timeline import sharing_the_lock

STATE_IN_FORCE = load(__file__, "state_in_force.sql").replace(
    "/* settings */", "".join(f", p.{name}" for name in SETTING_NAMES)
)


class NoPolicyError(DomainError):
    """No policy version exists yet: the database has not been migrated."""

    def __init__(self) -> None:
        super().__init__("no_policy", "No policy version exists yet; run `manage.py migrate` to create the first.")


def state_in_force() -> PolicyState:
    """Policy, availability by the database clock (R3.3), kill switch and guardrail as of now; raises NoPolicyError."""
    statement, results_before = sharing_the_lock(STATE_IN_FORCE)
    with connection.cursor() as cursor:
        cursor.execute(statement)
        for _ in range(results_before):
            cursor.nextset()
        row = cursor.fetchone()
    if row is None:
        raise NoPolicyError
    version, at, a_available, b_available, halted, name, value, limit, *content = row
    return PolicyState(
        app_mode=settings.APP_MODE,
        version=version,
        settings=PolicySettings(*content),
        engine_a_available=a_available,
        engine_b_available=b_available,
        halted=halted,
        guardrail=Trip(name, value, limit) if name else None,
        at=at,
    )


def active_policy() -> PolicyVersion | None:
    """The version in force, the highest one; None before the first."""
    return PolicyVersion.objects.order_by("-version").first()


def policy_in_force() -> PolicyVersion:
    """The version in force; raises NoPolicyError before the first."""
    if (policy := active_policy()) is None:
        raise NoPolicyError
    return policy


def policy_version(number: int) -> PolicyVersion:
    """The version of this number; raises `not_found`."""
    # A larger number than the column holds would be an error of the database.
    version = PolicyVersion.objects.filter(version=number).first() if 0 < number < 2**31 else None
    if version is None:
        raise DomainError("not_found", f"Policy version {number} does not exist.")
    return version


def policy_draft(number: int) -> PolicyDraft:
    """The draft of this number; raises `not_found`."""
    draft = PolicyDraft.objects.select_related("base_version").filter(pk=number).first() if 0 < number < 2**63 else None
    if draft is None:
        raise DomainError("not_found", f"Policy draft {number} does not exist.")
    return draft


def policy_history() -> QuerySet[PolicyVersion]:
    """All versions, newest first."""
    return PolicyVersion.objects.order_by("-version")


def open_trip() -> GuardrailTrip | None:
    """The guardrail that is tripped, the oldest of several; None if none is."""
    return GuardrailTrip.objects.filter(released_at__isnull=True).order_by("id").first()


def open_halt() -> Halt | None:
    """The halt in effect; None while trading is not halted."""
    return Halt.objects.filter(released_at__isnull=True).first()
