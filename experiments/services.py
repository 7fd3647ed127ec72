"""What operators do: retry or discard failed signals, replay one experiment."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from experiments.core.verification import Difference
from experiments.history.replay import Selection, replay
from experiments.worker import queue as claim
from kernel.actors import Actor
from kernel.audit import record
from kernel.errors import DomainError
from kernel.values import counted


def requeue_failed(actor: Actor, signal_ids: list[UUID]) -> int:
    """Retry failed signals from the first attempt; return how many there were."""
    with transaction.atomic():
        count = claim.requeue(signal_ids)
        if count:
            record(actor, "signals.requeued", _subject(signal_ids, count))
    return count


def discard_failed(actor: Actor, signal_ids: list[UUID], *, reason: str) -> int:
    """Discard failed signals for good, so that nothing retries them; return how many there were.

    Raises DomainError without a reason.
    """
    if not reason.strip():
        raise DomainError("reason_missing", "Enter a reason for discarding these signals.", "/reason")
    with transaction.atomic():
        count = claim.discard(signal_ids, by=actor.name, reason=reason.strip())
        if count:
            record(actor, "signals.discarded", _subject(signal_ids, count), reason=reason.strip())
    return count


def _subject(signal_ids: list[UUID], count: int) -> str:
    first = f"signal {signal_ids[0]}"
    return first if count == 1 else f"{count} signals, including {first}"


def replay_experiment(actor: Actor, identity: UUID) -> list[Difference]:
    """Replay one experiment for an operator, and note that it was done and what came of it."""
    verified = list(replay(Selection(experiment=identity)))
    differences = [difference for one in verified for difference in one.differences]
    if verified:
        outcome = counted(len(differences), "difference") if differences else "equal"
        record(actor, "replay.run", f"experiment {identity}", reason=outcome)
    return differences
