"""The queue: what a worker claims of it, and the django-q broker that says when to look.

The database queues what is to be tried (migrations/queue.sql). A claim moves signals from there into a batch, which is
committed before its work starts. If the worker dies, its database session is gone while the batch is still there: the
signals it had claimed are then tried one by one, so that one which kills its worker is counted, found, and stops nobody
else. What is decided is stored by one statement; its log lines follow the commit.

django-q2's own extension point (`broker_class`). The pool gets a drain task, in memory and without acknowledgement,
whenever a signal waits that nobody has claimed. Nothing is written per signal, so no wake-up can be lost. Schedules,
other tasks and what falls due by the clock come first, unless a supervisor has them run apart
(`experiments.worker.tasks`).
"""

from __future__ import annotations

import json
import logging
import os
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.signing import SignedPackage
from psycopg.sql import SQL, Composed, Literal

from experiments.core.decision import Decided
from experiments.worker.liveness import DRAIN, HEARTBEAT_SECONDS, SUPERVISED
from kernel.events import (
    CONTEXT_CAPTURED,
    EXPERIMENT_CREATED,
    POLICY_APPLIED,
    SIGNAL_DISTRIBUTED,
    SIGNAL_RETRIEVED,
    WORKER_DATABASE_UNAVAILABLE,
)
from kernel.sql import load
from kernel.values import format_timestamp
from policies.core.rules import RULES_VERSION
from signals_app.alerts.documents import SignalFacts
from signals_app.webhook.store import CHANNEL

MAX_ATTEMPTS = 5

# Fresh signals wait for no clock: their time of receipt is by another one. What has failed waits for its next attempt.
FRESH, DUE = "NOT is_retry", "is_retry AND due_at <= now()"
# Whether a signal waits that nobody has claimed. Two questions, each of which the index answers; one would read every
# signal whose next attempt is not due.
SIGNAL_WAITS = " OR ".join(f"EXISTS (SELECT FROM waiting_signals WHERE {which})" for which in (FRESH, DUE))
# SKIP LOCKED: what another worker claims at this moment is skipped. Nothing updates these rows, so that a locked one
# stays where it was found.
CLAIM = """
WITH taken AS (
    DELETE FROM waiting_signals
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM waiting_signals WHERE {which} FOR UPDATE SKIP LOCKED))
    RETURNING signal_id
)
INSERT INTO worker_batches (token, signal_ids, backend_pid, backend_started_at, started_at)
SELECT %(token)s, array_agg(signal_id), pg_backend_pid(),
       (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()), now()
  FROM taken HAVING count(*) > 0
RETURNING signal_ids
"""
# Fresh signals, oldest first.
CLAIM_FRESH = CLAIM.format(which=f"{FRESH} ORDER BY due_at LIMIT %(limit)s")
# One signal whose next attempt is due; alone, because it may be the one that fails.
CLAIM_DUE = CLAIM.format(which=f"{DUE} ORDER BY due_at LIMIT 1")
# Batches whose worker's database session is gone.
ORPHANS = """
SELECT token, signal_ids FROM worker_batches b
 WHERE NOT EXISTS (SELECT FROM pg_stat_activity a
                    WHERE a.pid = b.backend_pid AND a.backend_start = b.backend_started_at)
   FOR UPDATE SKIP LOCKED
"""
# What this very session left behind: the database failed it, and no signal is to blame.
FORGET_OWN = """
DELETE FROM worker_batches
 WHERE backend_pid = pg_backend_pid()
   AND backend_started_at = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
"""
# The first retry is immediate, because most signals that a dead worker had claimed are innocent; then 10 s,
# 20 s, 40 s. After the fifth attempt only an operator tries again. The batch lets go of it in the same statement. What
# somebody else holds stays there: nobody is waited for.
RECORD_FAILURE = """
WITH free AS (
    SELECT signal_id FROM signals WHERE signal_id = ANY(%(ids)s) AND status <> 'PROCESSED' AND discarded_at IS NULL
       FOR UPDATE SKIP LOCKED
), batch AS (
    UPDATE worker_batches SET signal_ids = ARRAY(SELECT unnest(signal_ids) EXCEPT SELECT signal_id FROM free)
     WHERE signal_ids && %(ids)s
)
UPDATE signals
   SET status = 'FAILED', attempts = attempts + 1, last_error = %(error)s, processing_lock = NULL,
       next_attempt_at = CASE WHEN attempts + 1 < %(max)s
           THEN now() + make_interval(secs => CASE WHEN attempts = 0 THEN 0 ELSE least(5 * 2 ^ attempts, 600) END) END
  FROM free WHERE signals.signal_id = free.signal_id
RETURNING signals.signal_id, signal_hash, attempts
"""
LOCK = """
SELECT signal_id::text, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id,
       signal_hash, raw_payload::text, consumed_fields
  FROM signals WHERE signal_id = ANY(%s) AND status <> 'PROCESSED' AND discarded_at IS NULL
 ORDER BY received_at FOR UPDATE SKIP LOCKED
"""


def ask(database: BaseDatabaseWrapper, question: str) -> tuple[Any, ...]:
    """The one row of a query without parameters that is asked all the time: planned once a session, most of its cost.

    Through psycopg's own cursor, because Django's binds in Python and leaves nothing to keep a plan of. Where poolers
    forbid it (`prepare_threshold=None`) none is kept.
    """
    # As Django's cursors begin: the session is tried first, where somebody has asked for that since it was last used.
    database.close_if_health_check_failed()
    database.ensure_connection()
    session: psycopg.Connection[tuple[Any, ...]] = database.connection
    with database.wrap_database_errors, psycopg.Cursor(session) as cursor:
        cursor.execute(question.encode(), prepare=True)
        (row,) = cursor.fetchall()
    return row


@dataclass(frozen=True, slots=True)
class Batch:
    """Signals one worker has claimed."""

    token: UUID
    signal_ids: list[UUID]


def what_waits() -> tuple[bool, bool]:
    """Whether a batch is in hand or was left behind, and whether a signal waits: nearly always all that is asked."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM worker_batches), {SIGNAL_WAITS}")  # noqa: S608 (our own)
        batches, signals = cursor.fetchone()
    return batches, signals


def claim_fresh(limit: int) -> Batch | None:
    """Claim up to `limit` fresh signals, oldest first; None when there are none."""
    return _claim(CLAIM_FRESH, {"limit": limit})


def claim_due() -> Batch | None:
    """Claim one failed signal whose next attempt is due; None when there is none."""
    return _claim(CLAIM_DUE, {})


def _claim(statement: str, parameters: dict[str, Any]) -> Batch | None:
    token = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(statement, {"token": token, **parameters})
        row = cursor.fetchone()
    return Batch(token, row[0]) if row else None


@contextmanager
def array_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor for statements that take a whole batch: psycopg's own, which sends arrays as parameters.

    Django's puts them into the statement's text in Python, which costs a third of the time at this size
    (docs/adr/0004-worker.md). Not prepared: reading the state ends in a rollback to a savepoint, after which psycopg
    forgets what is.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


def lock_signals(signal_ids: list[UUID]) -> list[SignalFacts]:
    """Lock those of the signals that still wait, oldest first, and read them (R10.4)."""
    with array_cursor() as cursor:
        cursor.execute(LOCK, (signal_ids,), prepare=False)
        return [
            SignalFacts(
                signal_id, source, exchange, symbol, direction, timeframe, format_timestamp(timestamp), strategy,
                order_id, signal_hash, json.loads(payload), frozenset(consumed),
            )
            for (
                signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id, signal_hash,
                payload, consumed,
            ) in cursor.fetchall()
        ]  # fmt: skip


def finish(batch: Batch) -> None:
    """End the batch; what it leaves undecided waits again, and what somebody else holds waits for the next end."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM worker_batches WHERE token = %s", (batch.token,))


def record_failure(signal_ids: list[UUID], error: str) -> list[tuple[UUID, str, int]]:
    """Count a failed attempt of each signal and say when the next is due; return ids, hashes and attempts."""
    with connection.cursor() as cursor:
        cursor.execute(RECORD_FAILURE, {"ids": signal_ids, "error": error, "max": MAX_ATTEMPTS})
        failed: list[tuple[UUID, str, int]] = cursor.fetchall()
    return failed


def release_orphans() -> list[tuple[UUID, str, int]]:
    """Count a failed attempt for every signal that a worker which is gone had claimed."""
    failed: list[tuple[UUID, str, int]] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORGET_OWN)
        cursor.execute(ORPHANS)
        for token, signal_ids in cursor.fetchall():
            failed += record_failure(signal_ids, "The worker died while it was processing this signal.")
            cursor.execute("DELETE FROM worker_batches WHERE token = %s", (token,))
    return failed


def requeue(signal_ids: list[UUID]) -> int:
    """Retry failed signals from the first attempt; return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE signals SET status = 'PENDING', attempts = 0, next_attempt_at = NULL, last_error = ''"
            " WHERE signal_id = ANY(%s) AND status = 'FAILED' AND discarded_at IS NULL",
            (signal_ids,),
        )
        return int(cursor.rowcount)


def discard(signal_ids: list[UUID], *, by: str, reason: str) -> int:
    """Discard failed signals for good; return how many there were.

    One that a worker is trying at this moment is waited for, and left alone if it gets its decision.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE signals SET next_attempt_at = NULL, discarded_at = now(), discarded_by = %s, discard_reason = %s"
            " WHERE signal_id = ANY(%s) AND status = 'FAILED' AND discarded_at IS NULL",
            (by, reason, signal_ids),
        )
        return int(cursor.rowcount)


STORE = load(__file__, "store.sql")


def store(
    batch: Sequence[Decided], token: UUID, *, policy_version: int, split_percentage: object, decided_at: datetime
) -> None:
    """Write the rows of all decided signals; the unique keys refuse a second experiment (R2.1, R10.1).

    `decided_at` is the instant at which the state that decided was read: one state, so one ruling for
    each variant. A batch that is decided as a whole is deleted from the claimed work.
    """
    rulings = {d.assignment.variant: d.ruling for d in batch}
    with array_cursor() as cursor:
        cursor.execute(
            STORE,
            {
                "token": token,
                "policy_version": policy_version,
                "split_percentage": split_percentage,
                "decided_at": decided_at,
                "rules_version": RULES_VERSION,
                "signal_id": [d.signal.signal_id for d in batch],
                "signal_hash": [d.signal.signal_hash for d in batch],
                "context": [d.context for d in batch],
                "context_hash": [d.context_hash for d in batch],
                "experiment_id": [d.experiment_id for d in batch],
                "variant": [d.assignment.variant for d in batch],
                "assignment_hash": [d.assignment.assignment_hash for d in batch],
                # One key for all of a batch.
                "assignment_key_id": batch[0].assignment.assignment_key_id,
                "bucket": [d.assignment.bucket for d in batch],
                "ruled_variant": list(rulings),
                "execution_mode": [ruling.resolution.execution_mode for ruling in rulings.values()],
                "executed_engine": [ruling.resolution.executed_engine for ruling in rulings.values()],
                "shadow_engine": [ruling.resolution.shadow_engine for ruling in rulings.values()],
                "reason": [ruling.resolution.reason for ruling in rulings.values()],
                "inputs": [ruling.inputs for ruling in rulings.values()],
                "decision_hash": [ruling.decision_hash for ruling in rulings.values()],
            },
            prepare=False,
        )


# Lines are rendered here, because one call per line costs more than deciding the signal.
lines_log = logging.getLogger("orchestrator.lines")

# In the order of the flow; one format for all lines of a signal, whose values are JSON already.
LINES = "\n".join(
    event.template()
    for event in (SIGNAL_RETRIEVED, CONTEXT_CAPTURED, EXPERIMENT_CREATED, POLICY_APPLIED, SIGNAL_DISTRIBUTED)
)


def log_decided(batch: Sequence[Decided]) -> None:
    """Log retrieval, context, experiment, policy and distribution of each signal, one JSON object a line."""
    if not batch or not lines_log.isEnabledFor(logging.INFO):
        return
    at = f'"{format_timestamp(datetime.now(UTC))}"'
    lines = []
    for decided in batch:
        signal, assignment, resolution = decided.signal, decided.assignment, decided.ruling.resolution
        # Ids, hashes, times and words of ours hold nothing to escape.
        lines.append(
            LINES
            % {
                "at": at,
                "signal_id": f'"{signal.signal_id}"',
                "symbol": json.dumps(signal.symbol),
                "direction": f'"{signal.direction}"',
                "timestamp": f'"{signal.timestamp}"',
                "context_hash": f'"{decided.context_hash}"',
                "experiment_id": f'"{decided.experiment_id}"',
                "variant": f'"{assignment.variant}"',
                "assignment_hash": f'"{assignment.assignment_hash}"',
                "execution_mode": f'"{resolution.execution_mode}"',
                "executed_engine": f'"{resolution.executed_engine}"' if resolution.executed_engine else "null",
                "reason": f'"{resolution.reason}"',
                "policy_version": decided.policy_version,
                "engines": '"AB"',
            }
        )
    lines_log.info("\n".join(lines))


# The query takes no locks: they would hide the signal from the worker that comes for it, and would have to reach the
# disk.
WORK_WAITS = f"SELECT {{}}, {SIGNAL_WAITS}"
# The last drain needs this long to reach its worker; until then its signals still look like work.
SPACING_SECONDS = 0.02
# Pause before the next attempt to reach a lost database.
RECONNECT_SECONDS = 0.5


def task_waits() -> Composed:
    """The condition that an ordinary task waits which nobody has in hand."""
    tasks = SQL("EXISTS (SELECT FROM django_q_ormq WHERE key = {} AND lock < now())")
    return tasks.format(Literal(str(Conf.CLUSTER_NAME)))


# Work that falls due by the clock (`experiments.worker.tasks.run_when_due`): the query that tells, and the dotted path
# of what settles it.
DUE_WORK: list[tuple[str, str]] = []
# How often the queries are asked, and so how late work can be noticed.
DUE_SECONDS = 1.0


class SignalBroker(ORM):
    """ORM broker that looks into the queue of signals as well."""

    _last_drain = 0.0
    _last_look = 0.0
    _listening: object = None

    def dequeue(self) -> list[tuple[Any, str]] | None:
        """Other work if nobody else does it, else one drain task when signals wait, else nothing after a pause.

        The pause ends early at a hint from the webhook; without one it is `poll` seconds.
        """
        database = connections[str(Conf.ORM or "default")]
        try:
            self._listen(database)
            # One statement: every look costs the database a round trip, and the last one is what it is seen to do.
            alone = SUPERVISED not in os.environ
            looks = alone and monotonic() - self._last_look >= DUE_SECONDS
            due_work = DUE_WORK if looks else []
            waits = SQL(WORK_WAITS).format(task_waits()).as_string()
            tasks_wait, signals_wait, *due = ask(database, "".join((waits, *(f", ({query})" for query, _ in due_work))))
            if tasks_wait and alone:
                return super().dequeue()  # type: ignore[no-any-return, no-untyped-call]  # django-q2 has no types
            if looks:
                self._last_look = monotonic()
                if any(due):
                    # Settled twice, it finds nothing to do the second time.
                    return [
                        _task("settle", function) for (_, function), is_due in zip(due_work, due, strict=True) if is_due
                    ]
            since_last = monotonic() - self._last_drain
            spacing, pause = (SPACING_SECONDS,) * 2 if signals_wait else (HEARTBEAT_SECONDS, cast("float", Conf.POLL))
            # A hint needs no second look: a drain in vain costs less than that.
            if since_last <= spacing and not _is_hinted(database, pause):
                return None
            self._last_drain = monotonic()
            return [_task("drain", DRAIN)]
        except (OperationalError, InterfaceError) as error:
            # django-q would rest for ten seconds and replace the process that asks.
            WORKER_DATABASE_UNAVAILABLE.log(error=str(error))
            database.close()
            sleep(RECONNECT_SECONDS)
            return None

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Keep nothing: django-q's cache is the memory of this process, where no monitor could read it."""

    def _listen(self, database: BaseDatabaseWrapper) -> None:
        """Ask for the webhook's hints, once on every connection."""
        database.ensure_connection()
        if self._listening is not database.connection:
            with database.cursor() as cursor:
                # The plans are kept: none made while a table is empty may read all of it once it is not.
                cursor.execute(f"LISTEN {CHANNEL}; SET enable_seqscan = off")
            self._listening = database.connection


def _is_hinted(database: BaseDatabaseWrapper, seconds: float) -> bool:
    """Whether a hint came or comes within this time; takes all hints there are."""
    session: psycopg.Connection[Any] = database.connection
    with database.wrap_database_errors:
        if list(session.notifies(timeout=0)):
            return True
        # Not by psycopg's own waiting, which wakes ten times a second.
        select.select([session], [], [], seconds)
        return bool(list(session.notifies(timeout=0)))


def _task(name: str, function: str) -> tuple[Any, str]:
    """A task in memory, without acknowledgement: whoever finds its work undone asks again."""
    task = {"id": uuid4().hex, "name": name, "func": function, "args": (), "kwargs": {}, "started": timezone.now()}
    return None, str(SignedPackage.dumps(task))
