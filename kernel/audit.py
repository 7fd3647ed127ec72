"""The audit log: who changed what, when, why and from where."""

from __future__ import annotations

from django.db.models.functions import Now

from kernel.actors import Actor
from kernel.models import AuditEntry

_MAX_SUBJECT = 100  # the column


def record(actor: Actor, action: str, subject: str, *, reason: str = "") -> None:
    """Write one entry in the transaction of the change it tells of, so that neither exists without the other."""
    AuditEntry.objects.create(
        # By the database's clock, so that the entries of several machines stand in one order.
        at=Now(),
        actor=actor.name,
        action=action,
        subject=subject[:_MAX_SUBJECT],
        reason=reason,
        address=actor.address,
    )
