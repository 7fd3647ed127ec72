"""Market data that a feeder pushes; nothing is ever fetched (R7.1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from kernel.instants import read_instant
from kernel.json_text import canonical_json
from signals_app.alerts.alert import MAX_FUTURE_SECONDS
from signals_app.alerts.errors import AlertError, MarketDataConflictError
from signals_app.alerts.members import Members, shown
from signals_app.alerts.symbols import read_symbol
from signals_app.models import MarketData

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?P<zone>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_FIRST_YEAR, _LAST_YEAR = 1970, 2100


def store_market_data(*, symbol: str, as_of: str, data: dict[str, Any], source: str) -> tuple[MarketData, bool]:
    """Keep one observation; return it and whether it is new, or the first one when it said the same.

    ``source`` is the name of the feeder's key. Raise AlertError for a symbol that signals could not have,
    and for a time without zone or more than 300 seconds in the future; MarketDataConflictError when
    other data stand for this symbol, instant and feeder.
    """
    now = timezone.now()
    document = _with_floats(data)
    row, is_new = MarketData.objects.get_or_create(
        symbol=read_symbol(Members({"symbol": symbol})).value,
        as_of=_instant(as_of, now),
        source=source,
        defaults={"received_at": now, "data": document},
    )
    if not is_new and canonical_json(row.data) != canonical_json(document):
        raise MarketDataConflictError(
            f"You sent other data for {row.symbol} as of this instant before; the first stand. Send a later as_of."
        )
    return row, is_new


def _with_floats(value: Any) -> Any:
    """Return a copy with floats for Decimals: observations are documents, and JSON numbers are doubles."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _with_floats(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    return value


def _instant(text: str, now: datetime) -> datetime:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise _unparseable(text)
    if match["zone"] is None:
        raise AlertError(
            "timestamp_naive", f"as_of is {shown(text)}, a time without a zone; add Z or an offset.", "as_of"
        )
    try:
        moment = read_instant(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unparseable(text) from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise AlertError(
            "timestamp_out_of_range", f"as_of is {shown(text)}; allowed are the years 1970 to 2100.", "as_of"
        )
    if moment - now > timedelta(seconds=MAX_FUTURE_SECONDS):
        raise AlertError(
            "timestamp_future",
            f"as_of is {shown(text)}, more than {MAX_FUTURE_SECONDS} seconds in the future; check clock and zone.",
            "as_of",
        )
    return moment


def _unparseable(text: str) -> AlertError:
    return AlertError(
        "timestamp_unparseable",
        f'as_of is {shown(text)}; send an RFC 3339 time with zone such as "2026-03-16T14:30:00Z".',
        "as_of",
    )
