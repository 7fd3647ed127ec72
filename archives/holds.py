"""Placing and lifting legal holds."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from archives.models import LegalHold
from experiments.models import Experiment
from kernel.actors import Actor
from kernel.audit import record
from kernel.errors import DomainError


def place_hold(
    actor: Actor,
    *,
    reason: str,
    symbol: str = "",
    experiment_id: UUID | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> LegalHold:
    """Keep what it covers from now on; what has left already stays in its files.

    The database takes back what was ready to be deleted, and waits for a deletion that runs. Raises
    `hold_covers_nothing` for an experiment that is not here, `hold_days` for days out of order.
    """
    if starts_on and ends_on and ends_on < starts_on:
        raise DomainError("hold_days", "The last day comes before the first.", "/ends_on")
    with transaction.atomic():
        if experiment_id is not None and not Experiment.objects.filter(pk=experiment_id).exists():
            detail = f"Experiment {experiment_id} is not in the database."
            raise DomainError("hold_covers_nothing", detail, "/experiment_id")
        hold = LegalHold.objects.create(
            symbol=symbol.strip().upper(), experiment_id=experiment_id, starts_on=starts_on, ends_on=ends_on,
            reason=reason, placed_by=actor.name, placed_at=Now(),
        )  # fmt: skip
        record(actor, "hold.placed", f"legal hold {hold.pk}", reason=reason, changes={"covers": ("", hold.covers)})
    return hold


def lift_hold(actor: Actor, hold_id: int, *, reason: str) -> None:
    """End a hold; raise `hold_lifted` where somebody has done so."""
    with transaction.atomic():
        lifted = LegalHold.objects.filter(pk=hold_id, lifted_at=None).update(
            lifted_by=actor.name, lifted_at=Now(), lift_reason=reason
        )
        if not lifted:
            raise DomainError("hold_lifted", "The hold is lifted already, or there is none of this number.")
        record(actor, "hold.lifted", f"legal hold {hold_id}", reason=reason)
