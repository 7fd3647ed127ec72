"""Reads: the policy in force, who is available, whether everything is halted."""

from __future__ import annotations

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from policies.core.settings import SETTING_NAMES, PolicySettings
from policies.core.state import PolicyState, Trip
from policies.models import GuardrailTrip, Halt, PolicyVersion
from policies.timeline import sharing_the_lock

# The clock is read after the snapshot is taken, so that nothing seen here happened later (see timeline.py).
STATE_IN_FORCE = f"""
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at)
SELECT p.version, moment.at,
       (SELECT e.enabled AND e.last_heartbeat_at > moment.at - make_interval(secs => p.heartbeat_ttl_seconds)
          FROM engines e WHERE e.name = 'A') IS TRUE,
       (SELECT e.enabled AND e.last_heartbeat_at > moment.at - make_interval(secs => p.heartbeat_ttl_seconds)
          FROM engines e WHERE e.name = 'B') IS TRUE,
       EXISTS (SELECT FROM halts WHERE released_at IS NULL),
       trip.name, trip.value, trip."limit",
       {", ".join(f"p.{name}" for name in SETTING_NAMES)}
  FROM policy_versions p CROSS JOIN moment
  LEFT JOIN LATERAL (
      SELECT name, value, "limit" FROM guardrail_trips WHERE released_at IS NULL ORDER BY id LIMIT 1) trip ON true
 ORDER BY p.version DESC LIMIT 1
"""  # noqa: S608 (our own column names)


class NoPolicyError(RuntimeError):
    """There is no policy version yet: run `manage.py migrate`, which makes the first from the environment."""


def state_in_force() -> PolicyState:
    """Return policy, availability by the database clock (R3.3), kill switch and guardrail as of now."""
    statement, results_before = sharing_the_lock(STATE_IN_FORCE)
    with connection.cursor() as cursor:
        cursor.execute(statement)
        for _ in range(results_before):
            cursor.nextset()
        row = cursor.fetchone()
    if row is None:
        raise NoPolicyError(NoPolicyError.__doc__)
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
    """Return the version in force, the highest one; None before the first."""
    return PolicyVersion.objects.order_by("-version").first()


def policy_history() -> QuerySet[PolicyVersion]:
    """Return all versions, newest first."""
    return PolicyVersion.objects.order_by("-version")


def open_trip() -> GuardrailTrip | None:
    """Return the guardrail that holds, the oldest of several, if any."""
    return GuardrailTrip.objects.filter(released_at__isnull=True).order_by("id").first()


def open_halt() -> Halt | None:
    """Return the halt that holds, if any."""
    return Halt.objects.filter(released_at__isnull=True).first()
