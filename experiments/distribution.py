"""What an engine works on: claimed under a lease, oldest first, and waited for; the same document for both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection

from kernel.canonical import load_canonical
from kernel.errors import DomainError
from kernel.rows import execute
from kernel.sql import load
from policies.models import EngineName, KeyOwner

MAX_LIMIT = 100
MAX_LEASE_SECONDS = 3600

CLAIM = load(__file__, "claim.sql")
ONE = load(__file__, "assignment.sql")
RENEW = load(__file__, "renew.sql")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One piece of work. The role is not in it: engines recommend blind."""

    experiment_id: UUID
    context_hash: str
    distributed_at: datetime
    answer_by: datetime  # answered later it will not trade for real
    lease_expires_at: datetime | None
    lease_token: UUID | None  # of the claim that gave it; None where it was only read
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
        leased = {"engine": engine, "limit": limit, "lease": lease_seconds, "token": uuid4()}
        return [_assignment(row) for row in execute(CLAIM, leased)]

    return wait_for(claim, wait_seconds, engine)


def get_assignment(engine: str, experiment_id: UUID) -> Assignment:
    """The engine's assignment; raises `not_found` for the other engine's and for none."""
    with connection.cursor() as cursor:
        cursor.execute(ONE, (engine, experiment_id))
        row = cursor.fetchone()
    if row is None:
        raise DomainError("not_found", "Experiment not found for this engine.")
    return _assignment(row)


def renew_lease(engine: str, experiment_id: UUID, *, lease_seconds: int, lease_token: UUID | None) -> datetime:
    """Lengthen a lease that the engine holds; until when it holds now.

    With a token, only if that claim holds it. Raises `lease_lost` once it has ended, or the assignment was answered,
    and `not_found` for the other engine's.
    """
    renewal: dict[str, Any] = {
        "engine": engine,
        "experiment": experiment_id,
        "lease": lease_seconds,
        "token": lease_token,
    }
    with connection.cursor() as cursor:
        cursor.execute(RENEW, renewal)
        renewed = cursor.fetchone()
    if renewed is None:
        get_assignment(engine, experiment_id)
        raise DomainError("lease_lost", "The lease has ended, or the assignment has been answered; claim again.")
    until: datetime = renewed[0]
    return until


def _assignment(row: tuple[Any, ...]) -> Assignment:
    (
        experiment_id, context_hash, distributed_at, answer_by, lease_expires_at, lease_token, answered_at, context,
    ) = row  # fmt: skip
    return Assignment(
        experiment_id,
        context_hash,
        distributed_at,
        answer_by,
        lease_expires_at,
        lease_token,
        answered_at,
        load_canonical(context),
    )


T = TypeVar("T")

MAX_WAIT_SECONDS = 25
# How often a waiting call looks again. The work of a desk comes in minutes, not in milliseconds.
LOOK_AGAIN_SECONDS = 0.25
# A waiting call holds a thread of the web server; only so many may wait at a time. Each caller has places of its own:
# an engine that met its rival in them would learn whether that waits for a shadow's exit.
_waiting = {
    caller: BoundedSemaphore(max(settings.LONG_POLLS, 1)) for caller in (*EngineName.values, KeyOwner.FEEDER.value)
}


class TooManyPollsError(DomainError):
    """As many calls wait already as may."""

    wait = 0.0  # seconds; Retry-After is the next whole one

    def __init__(self) -> None:
        super().__init__("too_many_polls", "Too many of your calls are waiting; try again, or send wait_seconds 0.")


def wait_for(look: Callable[[], list[T]], wait_seconds: float, caller: str) -> list[T]:
    """What `look` finds; look again for up to `wait_seconds` while it finds nothing.

    The caller is an engine, or the feeder. Raise `too_many_polls` when as many of its calls wait already as may: an
    empty answer before its time would have a client that trusts the wait ask again at once, for ever.
    """
    found = look()
    if found or not wait_seconds:
        return found
    if not settings.LONG_POLLS or not _waiting[caller].acquire(blocking=False):
        raise TooManyPollsError
    try:
        deadline = monotonic() + wait_seconds
        while not found and monotonic() < deadline:
            sleep(LOOK_AGAIN_SECONDS)
            found = look()
        return found
    finally:
        _waiting[caller].release()
