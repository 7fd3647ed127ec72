"""The neutral feed: quotes that feeders push, kept as sent, and found again by instrument and time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from kernel.errors import DomainError
from kernel.events import QUOTES_STORED
from kernel.sql import load
from outcomes.core import quoting
from outcomes.core.checks import CLOCK_SKEW
from outcomes.core.instruments import canonical_instrument
from outcomes.models import Quote
from policies.models import ApiKey, KeyOwner

STORE = load(__file__, "store_quotes.sql")


@dataclass(frozen=True, slots=True)
class PushedQuote:
    """One quote as a feeder sent it; `instrument` in its one spelling, never crossed."""

    instrument: str
    bid: Decimal
    ask: Decimal
    quote_time: datetime
    changed_at: datetime | None = None


def feeder_is_active() -> bool:
    """Whether neutral quotes can be expected: some feeder has a key that is neither revoked nor expired."""
    lives = Q(expiry_date__isnull=True) | Q(expiry_date__gt=Now())
    return ApiKey.objects.filter(lives, owner=KeyOwner.FEEDER, revoked=False).exists()


def store_quotes(source: str, quotes: Sequence[PushedQuote]) -> int:
    """Store the quotes of the feeder key named `source`, all or none; return how many were new.

    Raises DomainError `time_in_future` for a quote_time more than five seconds ahead of the database clock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            STORE,
            {
                "instruments": [quote.instrument for quote in quotes],
                "bids": [quote.bid for quote in quotes],
                "asks": [quote.ask for quote in quotes],
                "quote_times": [quote.quote_time for quote in quotes],
                "changed_at": [quote.changed_at for quote in quotes],
                "skew": CLOCK_SKEW.seconds,
                "source": source,
            },
        )
        # PostgreSQL's clock judges, so that feeders are judged alike whichever web server they reach.
        stored, ahead = cursor.fetchall()[0]
    if ahead is not None:
        detail = f"This quote_time is more than {CLOCK_SKEW.seconds} seconds in the future; nothing was stored."
        raise DomainError("time_in_future", detail, f"/quotes/{ahead - 1}/quote_time")
    QUOTES_STORED.log(source=source, stored=stored, repeated=len(quotes) - stored)
    return int(stored)


def quotes_between(instruments: Iterable[str], since: datetime, until: datetime) -> dict[str, list[quoting.Quote]]:
    """The stored quotes with a quote_time in [since, until], oldest first, by instrument in its one spelling.

    Every instrument asked for has an entry; it is empty where nobody quoted it.
    """
    found: dict[str, list[quoting.Quote]] = {canonical_instrument(name): [] for name in instruments}
    # By id, too: several feeders may quote one instant, and the same price must come of it each time.
    rows = Quote.objects.filter(instrument__in=found, quote_time__range=(since, until)).order_by("quote_time", "id")
    for row in rows:
        found[row.instrument].append(quoting.Quote(row.bid, row.ask, row.quote_time, row.pk, row.received_at))
    return found
