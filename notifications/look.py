"""What has no moment of its own, such as silence: looked for every now and then, and written down while it lasts."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models.functions import Now

from notifications.models import Event, EventKind
from orchestrator_site.console.attention import what_asks

LOOK_SECONDS = 20.0
# Nobody to be told: nothing to look for.
LOOK_IS_DUE = "EXISTS (SELECT FROM notification_recipients WHERE is_active)"
# By the kind of what asks for attention on the first page; the others have a trigger, or are for the page alone.
KINDS = {
    "engine_A": EventKind.ENGINE,
    "engine_B": EventKind.ENGINE,
    "silent_sources": EventKind.SOURCE,
    "missing_alerts": EventKind.MISSING,
    "failed_signals": EventKind.FAILED,
    "overdue_exits": EventKind.OVERDUE,
    "unapproved_drafts": EventKind.APPROVAL,
    "unapproved_ramps": EventKind.APPROVAL,
    "unapproved_evaluations": EventKind.APPROVAL,
    "refused_activations": EventKind.ACTIVATION,
    "stopped_ramp": EventKind.ACTIVATION,
}


def look() -> None:
    """Write down what asks for attention and was not there before; end what does so no longer."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Of two workers that look at once the second finds what the first has written.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orchestrator notifications'))")
        asks = {
            f"{one.kind} {one.facts}"[:200]: (KINDS[one.kind], one.text, one.urgent)
            for one in what_asks()
            if one.kind in KINDS
        }
        lasting = Event.objects.filter(kind__in=set(KINDS.values()), ended_at=None).exclude(facts="")
        known = set(lasting.select_for_update().values_list("facts", flat=True))
        lasting.exclude(facts__in=asks).update(ended_at=Now())
        for facts, (kind, text, urgent) in asks.items():
            if facts not in known:
                Event.objects.create(kind=kind, text=text, facts=facts, urgent=urgent, happened_at=Now())
