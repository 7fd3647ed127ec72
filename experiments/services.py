"""Writes that operators order: failed signals wait again, one experiment is replayed."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from experiments import claim
from experiments.replay import Difference, Selection, replay
from policies.audit import Actor, record


def requeue_failed(actor: Actor, signal_ids: list[UUID]) -> int:
    """Let failed signals be tried again from the first attempt; return how many there were."""
    with transaction.atomic():
        count = claim.requeue(signal_ids)
        if count:
            first = f"signal {signal_ids[0]}"
            record(actor, "signals.requeued", first if count == 1 else f"{count} signals, {first} among them")
    return count


def replay_experiment(actor: Actor, identity: UUID) -> list[Difference]:
    """Replay one experiment for an operator, and note that it was done and what came of it."""
    verified = list(replay(Selection(experiment=identity)))
    differences = [difference for one in verified for difference in one.differences]
    if verified:
        outcome = f"{len(differences)} differences" if differences else "equal"
        record(actor, "replay.run", f"experiment {identity}", reason=outcome)
    return differences
