"""The audit log: who changed what, when, why and from where."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models.functions import Now

from kernel.actors import Actor
from kernel.models import AuditEntry

_MAX_SUBJECT = 100  # the column


# A value before and after, as text; by the name of what was changed.
Changes = Mapping[str, tuple[str, str]]


def record(actor: Actor, action: str, subject: str, *, reason: str = "", changes: Changes | None = None) -> None:
    """Write one entry in the transaction of the change it tells of, so that neither exists without the other.

    No secret stands in `changes`: of a password or a key it is only said that it was changed.
    """
    AuditEntry.objects.create(
        # By the database's clock, so that the entries of several machines stand in one order.
        at=Now(),
        actor=actor.name,
        account_id=actor.account_id,
        action=action,
        subject=subject[:_MAX_SUBJECT],
        reason=reason,
        changes={name: list(values) for name, values in (changes or {}).items()},
        address=actor.address,
    )


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    """What differs between two states of the same thing, as text."""
    return {name: (str(old), str(after[name])) for name, old in before.items() if old != after[name]}
