"""What others ask of signals."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

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
