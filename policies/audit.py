"""The audit log: who changed what, when, why and from where."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.functions import Now

from policies.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts; `address` is the network address of a person, empty for the command line."""

    name: str
    address: str = ""


SYSTEM = Actor("system")


def record(actor: Actor, action: str, subject: str, *, reason: str = "") -> None:
    """Write one entry, in the transaction of the change it tells of: neither is there without the other."""
    AuditEntry.objects.create(
        at=Now(), actor=actor.name, action=action, subject=subject, reason=reason, address=actor.address
    )
