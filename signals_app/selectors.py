"""What others ask of signals."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from signals_app.models import Signal, WebhookDelivery

MOST_DELIVERIES = 10
# Exits move the clock, too: they create no signal, so their time stands in their delivery.
REPLAY_CLOCK = """
SELECT greatest(
    (SELECT max(timestamp) FROM signals WHERE source = %(source)s AND replayed),
    (SELECT max(alert_time) FROM webhook_deliveries
      WHERE source_id = (SELECT id FROM webhook_sources WHERE slug = %(source)s)))
"""


def replay_clock(source: str) -> datetime | None:
    """The time of the latest alert that a source, by its slug, has sent as a replay, UTC; None while there is none."""
    with connection.cursor() as cursor:
        cursor.execute(REPLAY_CLOCK, {"source": source})
        moment: datetime | None = cursor.fetchone()[0]
    return moment


def deliveries_of(signal: Signal) -> list[WebhookDelivery]:
    """The alert as it was sent first, and what was sent again or contradicts it: the first ten."""
    # Of two that came together the second may be stored first; months before that are not looked into.
    since = signal.received_at - timedelta(days=1)
    found = WebhookDelivery.objects.filter(signal_id=signal.pk, received_at__gte=since)
    return list(found.order_by("pk")[:MOST_DELIVERIES])
