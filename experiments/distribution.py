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
from kernel.sql import load

MAX_LIMIT = 100
MAX_LEASE_SECONDS = 3600

CLAIM = load(__file__, "claim.sql")
ONE = load(__file__, "assignment.sql")


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

    def claim() -> list[Assignment]:
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, {"engine": engine, "limit": limit, "lease": lease_seconds, "token": uuid4()})
            return [_assignment(row) for row in cursor.fetchall()]

    return wait_for(claim, wait_seconds)


def get_assignment(engine: str, experiment_id: UUID) -> Assignment:
    """The engine's assignment; raises `not_found` for the other engine's and for none."""
    with connection.cursor() as cursor:
        cursor.execute(ONE, (engine, experiment_id))
        row = cursor.fetchone()
    if row is None:
        raise DomainError("not_found", "Experiment not found for this engine.")
    return _assignment(row)


def _assignment(row: tuple[Any, ...]) -> Assignment:
    experiment_id, context_hash, distributed_at, lease_expires_at, answered_at, context = row
    return Assignment(
        experiment_id, context_hash, distributed_at, lease_expires_at, answered_at, load_canonical(context)
    )
