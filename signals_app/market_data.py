"""Market data that a feeder pushes, and which of them a signal gets; nothing is ever fetched (R7.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from kernel.canonical import canonical_json
from kernel.errors import DomainError
from signals_app.alerts.alert import MAX_FUTURE_SECONDS
from signals_app.alerts.fields import Fields, read_exchange, read_symbol, undelayed
from signals_app.models import MarketData


def store_market_data(*, symbol: str, as_of: datetime, data: dict[str, Any], source: str) -> tuple[MarketData, bool]:
    """Keep one observation; return it and whether it is new, or the first one when it said the same.

    ``source`` is the name of the feeder's key. Raise DomainError for a symbol that signals could not have, for a
    time more than 300 seconds in the future, and when different data is stored for this symbol, time and feeder.
    """
    now = timezone.now()
    if as_of - now > timedelta(seconds=MAX_FUTURE_SECONDS):
        raise DomainError(
            "ahead_of_clock",
            f"as_of is more than {MAX_FUTURE_SECONDS} seconds in the future; check the clock and the time zone.",
            "/as_of",
        )
    document = _with_floats(data)
    # Read as those of an alert are, or no signal would ever find it.
    fields = Fields({"symbol": symbol})
    read = read_symbol(fields)
    row, is_new = MarketData.objects.get_or_create(
        symbol=read.value,
        exchange=undelayed(read_exchange(fields, read).value),
        as_of=as_of,
        source=source,
        defaults={"received_at": now, "data": document},
    )
    if not is_new and canonical_json(row.data) != canonical_json(document):
        raise DomainError(
            "conflict",
            f"Different data is already stored for {row.symbol} at this time and was kept. Use a later as_of.",
        )
    return row, is_new


def _with_floats(value: Any) -> Any:
    """A copy with floats for Decimals: observations are documents, and JSON numbers are doubles."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _with_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    return value
