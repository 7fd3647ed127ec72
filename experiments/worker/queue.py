"""The signals table as a queue: what a worker claims, what a batch leaves, what becomes of a signal that fails.

A batch is written down and committed before its work starts. If the worker dies, its database session is gone while the
row is still there: the signals it had claimed are then tried one by one, so that one which kills its worker is counted,
found, and stops nobody else. What is decided is stored by one statement; its log lines follow the commit.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.db import connection, transaction

from experiments.core.decision import Decided
from kernel.events import (
    CONTEXT_CAPTURED,
    EXPERIMENT_CREATED,
    POLICY_APPLIED,
    SIGNAL_DISTRIBUTED,
    SIGNAL_RETRIEVED,
)
from kernel.sql import load
from kernel.values import format_timestamp
from policies.core.rules import RULES_VERSION
from signals_app.alerts.documents import SignalFacts

MAX_ATTEMPTS = 5

# SKIP LOCKED: what another worker has claimed is skipped.
CLAIM = """
WITH taken AS (SELECT signal_id FROM signals WHERE {which} FOR UPDATE SKIP LOCKED)
INSERT INTO worker_batches (token, signal_ids, backend_pid, backend_started_at, started_at)
SELECT %(token)s, array_agg(signal_id), pg_backend_pid(),
       (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()), now()
  FROM taken HAVING count(*) > 0
RETURNING signal_ids
"""
# Fresh signals, oldest first.
CLAIM_FRESH = CLAIM.format(which="status = 'PENDING' ORDER BY received_at LIMIT %(limit)s")
# One signal whose next attempt is due; alone, because it may be the one that fails.
CLAIM_DUE = CLAIM.format(which="status = 'FAILED' AND next_attempt_at <= now() ORDER BY next_attempt_at LIMIT 1")
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
# 20 s, 40 s. After the fifth attempt only an operator tries again.
RECORD_FAILURE = """
UPDATE signals
   SET status = 'FAILED', attempts = attempts + 1, last_error = %(error)s, processing_lock = NULL,
       next_attempt_at = CASE WHEN attempts + 1 < %(max)s
           THEN now() + make_interval(secs => CASE WHEN attempts = 0 THEN 0 ELSE least(5 * 2 ^ attempts, 600) END) END
 WHERE signal_id = ANY(%(ids)s) AND status <> 'PROCESSED' AND discarded_at IS NULL
RETURNING signal_id, signal_hash, attempts
"""
LOCK = """
SELECT signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id,
       signal_hash, raw_payload::text, consumed_fields
  FROM signals WHERE signal_id = ANY(%s) AND (status = 'PENDING' OR (status = 'FAILED' AND next_attempt_at <= now()))
 ORDER BY received_at FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Signals one worker has claimed."""

    token: UUID
    signal_ids: list[UUID]


def claim_fresh(limit: int) -> Batch | None:
    """Claim up to `limit` pending signals that nobody has claimed; None when there are none."""
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


def lock_signals(signal_ids: list[UUID]) -> list[SignalFacts]:
    """Lock those of the signals that still wait, oldest first, and read them (R10.4)."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, (signal_ids,))
        return [
            SignalFacts(
                str(signal_id), source, exchange, symbol, direction, timeframe, format_timestamp(timestamp), strategy,
                order_id, signal_hash, json.loads(payload), frozenset(consumed),
            )
            for (
                signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id, signal_hash,
                payload, consumed,
            ) in cursor.fetchall()
        ]  # fmt: skip


def finish(batch: Batch) -> None:
    """Delete the batch from the claimed work."""
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
    with connection.cursor() as cursor:
        # Nearly always the only statement: no transaction for nothing.
        cursor.execute("SELECT EXISTS (SELECT FROM worker_batches)")
        if not cursor.fetchone()[0]:
            return failed
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


# Arrays with binary parameters through psycopg's own cursor: Django's binds in Python, which costs a third of the time
# at this size (docs/adr/0004-worker.md).
STORE = load(__file__, "store.sql")


def store(
    batch: Sequence[Decided], token: UUID, *, policy_version: int, split_percentage: object, decided_at: datetime
) -> None:
    """Write the rows of all decided signals; the unique keys refuse a second experiment (R2.1, R10.1).

    `decided_at` is the instant at which the state that decided was read: one state, so one ruling for
    each variant. A batch that is decided as a whole is deleted from the claimed work.
    """
    rulings = {d.assignment.variant: d.ruling for d in batch}
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
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
            # Reading the state ends in a rollback to a savepoint, after which psycopg forgets what is prepared.
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
