"""Builders for the control plane: drafts, and what the audit log says of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from kernel.actors import Actor
from kernel.models import AuditEntry
from policies.drafts import activate_draft, start_draft
from policies.models import PolicyDraft
from tests.database import execute
from tests.factories import policy_settings

ADA, BOB, EVE = Actor("ada", "192.0.2.1"), Actor("bob", "192.0.2.2"), Actor("eve")


def make_draft(by: Actor = ADA, **changes: Any) -> PolicyDraft:
    """Start a draft from the version in force with the given settings changed."""
    return start_draft(by, content=policy_settings(**changes), note="A test.")


def activate(draft: PolicyDraft, by: Actor = ADA, *, at: datetime | None = None) -> PolicyDraft:
    """Put the draft in force as somebody who has just looked at it."""
    draft.refresh_from_db()
    return activate_draft(by, draft.pk, reason="It is time.", content_hash=draft.content_hash, at=at)


def schedule(draft: PolicyDraft, by: Actor = ADA) -> PolicyDraft:
    """Schedule the draft for tomorrow."""
    return activate(draft, by, at=timezone.now() + timedelta(days=1))


def let_it_be_due(draft: PolicyDraft, *, seconds_ago: int = 1) -> None:
    """Move a scheduled draft's time into the past."""
    execute(
        "UPDATE policy_drafts SET scheduled_at = now() - make_interval(secs => %s) WHERE id = %s",
        seconds_ago, draft.pk,
    )  # fmt: skip


def entries(*actions: str) -> list[AuditEntry]:
    """Return the audit entries of these actions, oldest first."""
    return list(AuditEntry.objects.filter(action__in=actions).order_by("pk"))


def actions_of(actor: Actor) -> list[str]:
    """Return what the audit log says this actor did, oldest first."""
    return list(AuditEntry.objects.filter(actor=actor.name).order_by("pk").values_list("action", flat=True))
