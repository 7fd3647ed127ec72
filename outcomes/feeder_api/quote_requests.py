"""What a neutral feed is asked to quote: whatever an open plan or trade may be priced by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from kernel.sql import load
from kernel.values import format_timestamp
from outcomes.core.checks import EXCHANGE_ZONE
from outcomes.core.quoting import canonical_instrument, instruments_to_quote
from outcomes.services.shadow_exits import OWN_EXIT_DAYS

WANTED = load(__file__, "quote_requests.sql").replace("OWN_EXIT_DAYS", OWN_EXIT_DAYS)
ANSWERED = load(__file__, "answered_requests.sql")


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """One instrument of one source's trades; `as_of` is None live, else the moment of the replay to quote."""

    source: str
    instrument: str
    as_of: datetime | None


def quote_requests() -> list[QuoteRequest]:
    """Everything that needs quotes now, each once; a replayed moment is asked for until a feeder has quoted it."""
    with connection.cursor() as cursor:
        cursor.execute(WANTED)
        found = {
            QuoteRequest(source, name, as_of)
            for source, instrument, as_of, moment, only_underlying in cursor.fetchall()
            for name in instruments_to_quote(instrument, moment.astimezone(EXCHANGE_ZONE).date())
            if not only_underlying or name != canonical_instrument(instrument)
        }
        replayed = [(request, request.as_of) for request in found if request.as_of is not None]
        if replayed:
            cursor.execute(ANSWERED, ([one.instrument for one, _ in replayed], [as_of for _, as_of in replayed]))
            answered = set(cursor.fetchall())
            found = {one for one in found if (one.instrument, one.as_of) not in answered}
    return sorted(found, key=lambda one: (one.source, format_timestamp(one.as_of) if one.as_of else "", one.instrument))
