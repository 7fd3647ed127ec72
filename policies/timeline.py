"""One order for everything that decisions depend on: policy, halts, guardrails, heartbeats, switches.

Whoever changes it takes one exclusive lock, reads the database clock only then, and keeps the lock until the commit.
Whoever decides shares the lock while reading the state and the clock, in one message to the server. So the interleaving
"changed at 10:00:00.1, committed at 10:00:00.3, and a decision of 10:00:00.2 did not see it" cannot happen, and the
past is known to the microsecond: a change stamped at or before a decision was seen by it, a later one was not.
"""

from __future__ import annotations

from datetime import datetime

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

# Any number that no other use of advisory locks in this database has.
LOCK = 5_821_447_016_532
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
            before = cursor.fetchone()
            cursor.execute(
                f"SET LOCAL lock_timeout = {PATIENCE_MILLISECONDS}; {EXCLUSIVE_LOCK} "
                "SELECT set_config('lock_timeout', %s, true)",
                before,
            )
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
    with connection.cursor() as cursor:
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
