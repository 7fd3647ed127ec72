"""Reads of what came in."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from kernel.json_text import load_canonical
from signals_app.alerts.market_context import MarketData, SignalFacts

# The newest observation at or before each signal's time, if it is young enough (contract section 4).
LATEST_MARKET_DATA = """
SELECT s.ordinal, m.as_of, m.received_at, m.source, m.data::text
  FROM unnest(%s::text[], %s::timestamptz[]) WITH ORDINALITY AS s (symbol, moment, ordinal)
 CROSS JOIN LATERAL (
    SELECT as_of, received_at, source, data FROM market_data
     WHERE symbol = s.symbol AND as_of <= s.moment AND as_of >= s.moment - make_interval(secs => %s)
     ORDER BY as_of DESC, source LIMIT 1) AS m
"""


def latest_market_data(signals: Sequence[SignalFacts], *, max_age_seconds: int) -> list[MarketData | None]:
    """Return for each signal the latest pushed market data as of its timestamp; None where there is none."""
    found: list[MarketData | None] = [None] * len(signals)
    with connection.cursor() as cursor:
        cursor.execute(
            LATEST_MARKET_DATA, ([s.symbol for s in signals], [s.timestamp for s in signals], max_age_seconds)
        )
        for ordinal, as_of, received_at, source, data in cursor.fetchall():
            found[ordinal - 1] = MarketData(
                as_of=as_of, received_at=received_at, source=source, data=load_canonical(data)
            )
    return found
