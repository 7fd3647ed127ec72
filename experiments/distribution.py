"""What an engine works on: claimed under a lease, oldest first, the same document for both engines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from kernel.canonical import load_canonical
from kernel.errors import DomainError
from kernel.long_polls import wait_for

MAX_LIMIT = 100
MAX_LEASE_SECONDS = 3600

COLUMNS = """
d.experiment_id, d.context_hash, d.distributed_at, d.lease_expires_at, d.answered_at, c.context::text
"""
# SKIP LOCKED closes the race of two workers of one engine that ask at the same moment; the lease
# keeps others away after the row lock is gone.
CLAIM = f"""
WITH open AS (
    SELECT id FROM signal_distributions
     WHERE engine = %(engine)s AND answered_at IS NULL AND (lease_expires_at IS NULL OR lease_expires_at <= now())
     ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), d AS (
    UPDATE signal_distributions
       SET lease_token = %(token)s, lease_expires_at = now() + make_interval(secs => %(lease)s)
     WHERE id IN (SELECT id FROM open)
    RETURNING *
)
SELECT {COLUMNS} FROM d JOIN experiments e USING (experiment_id) JOIN market_contexts c USING (signal_id) ORDER BY d.id
"""  # noqa: S608 (no outside text)
ONE = f"""
SELECT {COLUMNS} FROM signal_distributions d
  JOIN experiments e USING (experiment_id) JOIN market_contexts c USING (signal_id)
 WHERE d.engine = %s AND d.experiment_id = %s
"""  # noqa: S608 (no outside text)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One piece of work. The role is not in it: engines recommend blind."""

    experiment_id: UUID
    context_hash: str
    distributed_at: datetime
    lease_expires_at: datetime | None
    answered_at: datetime | None
    market_context: dict[str, Any]

    @property
    def signal(self) -> dict[str, Any]:
        """The normalised signal, as it stands in the context (R9.1, R9.2)."""
        signal: dict[str, Any] = self.market_context["signal"]
        return signal


def claim_assignments(engine: str, *, limit: int, lease_seconds: int, wait_seconds: float) -> list[Assignment]:
    """Lease up to `limit` open assignments of the engine, oldest first; wait for the first if there is none."""
    return wait_for(lambda: _claim(engine, limit, lease_seconds), wait_seconds)


def get_assignment(engine: str, experiment_id: UUID) -> Assignment:
    """The engine's assignment; raises `not_found` for the other engine's and for none."""
    with connection.cursor() as cursor:
        cursor.execute(ONE, (engine, experiment_id))
        row = cursor.fetchone()
    if row is None:
        raise DomainError("not_found", "Experiment not found for this engine.")
    return _assignment(row)


def _claim(engine: str, limit: int, lease_seconds: int) -> list[Assignment]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"engine": engine, "limit": limit, "lease": lease_seconds, "token": uuid4()})
        return [_assignment(row) for row in cursor.fetchall()]


def _assignment(row: tuple[Any, ...]) -> Assignment:
    experiment_id, context_hash, distributed_at, lease_expires_at, answered_at, context = row
    return Assignment(
        experiment_id, context_hash, distributed_at, lease_expires_at, answered_at, load_canonical(context)
    )
