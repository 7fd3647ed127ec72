"""Which signals a worker takes, and what becomes of those it could not finish.

A batch is written down and committed before its work starts. If the worker dies, its database
session is gone while the row is still there: the signals it had claimed are then tried one by one,
so that one which kills its worker is counted, found, and stops nobody else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from kernel.values import format_timestamp
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
SELECT signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, signal_hash,
       raw_payload::text, consumed_fields
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
                signal_hash, json.loads(payload), frozenset(consumed),
            )
            for (
                signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, signal_hash, payload,
                consumed,
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
