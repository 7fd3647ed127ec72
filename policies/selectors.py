"""Reads: the state in force, versions and drafts by number; and the one order of all that decisions depend on.

Policy, halts, guardrails, heartbeats and switches change in one order. Whoever changes one takes an exclusive lock,
reads the database clock only then, and keeps the lock until the commit. Whoever decides shares the lock while reading
the state and the clock, in one message to the server. So the interleaving "changed at 10:00:00.1, committed at
10:00:00.3, and a decision of 10:00:00.2 did not see it" cannot happen, and the past is known to the microsecond: a
change stamped at or before a decision was seen by it, a later one was not.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import LockNotAvailable

from kernel.errors import DomainError
from kernel.sql import load
from policies.core.rules import PolicyState, Trip
from policies.core.settings import SETTING_NAMES, PolicySettings
from policies.models import GuardrailTrip, Halt, PolicyDraft, PolicyVersion

# Any number that no other use of advisory locks in this database has.
LOCK = 5_821_447_016_532
# Sent in one message with what follows. Django's cursors put parameters in on this side; with its option
# server_side_binding PostgreSQL would refuse more than one statement a message.
SHARED_LOCK = f"SELECT pg_advisory_xact_lock_shared({LOCK});"
EXCLUSIVE_LOCK = f"SELECT pg_advisory_xact_lock({LOCK});"
# Longer than any change takes, short enough for a kill switch that must work within a second.
PATIENCE_MILLISECONDS = 400


def instant_of_change() -> datetime:
    """The instant of a change that this transaction makes; call it in a transaction, before the change."""
    with connection.cursor() as cursor:
        cursor.execute(EXCLUSIVE_LOCK + "SELECT clock_timestamp()")
        cursor.nextset()
        moment: datetime = cursor.fetchone()[0]
    return moment


def instant_of_urgent_change() -> datetime:
    """The instant of a change that must not wait: after 0.4 s it goes on without the lock."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout')")
            # A released savepoint keeps SET LOCAL: not put back, every later lock of the caller's transaction would
            # give up after 0.4 s as well.
            before = cursor.fetchone()
            cursor.execute(
                f"SET LOCAL lock_timeout = {PATIENCE_MILLISECONDS}; {EXCLUSIVE_LOCK} "
                "SELECT set_config('lock_timeout', %s, true)",
                before,
            )
    except OperationalError as error:
        # Going on without the lock has a price: a decision made at this very moment may miss a halt stamped before it.
        # A kill switch that waits behind a stuck transaction would be worse.
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
    with connection.cursor() as cursor:
        # now() is the start of the transaction, from before the lock was waited for.
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def sharing_the_lock(statement: str) -> tuple[str, int]:
    """The statement with the lock shared while it runs, and the number of results before its own.

    The server runs it all without asking back, so that no reader can hold the lock between two messages; in a
    transaction the savepoint gives the lock back at once instead of at the commit.
    """
    if connection.in_atomic_block:
        begin, end = "SAVEPOINT timeline;", "ROLLBACK TO SAVEPOINT timeline; RELEASE SAVEPOINT timeline"
        return f"{begin} {SHARED_LOCK} {statement}; {end}", 2
    return f"{SHARED_LOCK} {statement}", 1


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
        # psycopg keeps one result for each statement of the message.
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


def answer_by(policy: PolicyVersion, distributed_at: datetime) -> datetime:
    """The last moment at which an engine's answer can make it trade for real.

    claim.sql says it, too, and so do the analysts' views.
    """
    return distributed_at + timedelta(seconds=policy.max_answer_age_seconds)
