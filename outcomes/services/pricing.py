"""The neutral feed's quotes, and what they, and others, say a fill is worth.

Each leg takes the first source that has a price for it, at the touch; a trade is called by its weakest leg. The real
trade's price is never applied to another instrument, and nothing is guessed: a leg without a price leaves the whole
trade unpriced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from kernel.errors import DomainError
from kernel.events import QUOTES_STORED
from kernel.rows import look
from kernel.sql import load
from kernel.values import decimal_text, format_timestamp
from outcomes.core import quoting
from outcomes.core.books import LegFill, PositionKey
from outcomes.core.checks import (
    CLOCK_SKEW,
    ReportClock,
    Settlement,
    decisive_moment,
    is_borne_out,
    read_settlements,
    refuse_chosen_settlement,
    refuse_impossible_settlement,
    refuse_settlement_outside,
    refuse_unreadable_settlements,
)
from outcomes.core.quoting import (
    Quote,
    QuoteFlag,
    canonical_instrument,
    neutral_entry,
    neutral_exit,
    parse_option,
    quotes_by_instrument,
    read_quote,
    touch,
    weakest,
)
from outcomes.core.reports import quote_error
from outcomes.core.trades import Provenance
from policies.models import ApiKey, KeyOwner

STORE = load(__file__, "store_quotes.sql")
# By id, too: several feeders may quote one instant, and the same price must come of it each time.
BETWEEN = """
SELECT instrument, bid, ask, quote_time, id, received_at FROM quotes
 WHERE instrument = ANY(%s) AND quote_time BETWEEN %s AND %s ORDER BY quote_time, id
"""
# The same around several moments, each with its number.
AROUND = """
SELECT asked.number, bid, ask, quote_time, id, received_at
  FROM unnest(%(instruments)s::text[], %(moments)s::timestamptz[]) WITH ORDINALITY asked (instrument, moment, number)
  JOIN quotes USING (instrument)
 WHERE quote_time BETWEEN moment - %(limit)s AND moment + %(limit)s ORDER BY quote_time, id
"""


@dataclass(frozen=True, slots=True)
class PushedQuote:
    """One quote as a feeder sent it; `instrument` in its one spelling."""

    instrument: str
    bid: Decimal
    ask: Decimal
    quote_time: datetime
    changed_at: datetime | None = None


def feeder_is_active() -> bool:
    """Whether neutral quotes can be expected: some feeder has a key that is neither revoked nor expired."""
    lives = Q(expiry_date__isnull=True) | Q(expiry_date__gt=Now())
    return ApiKey.objects.filter(lives, owner=KeyOwner.FEEDER, revoked=False).exists()


@dataclass(frozen=True, slots=True)
class StoredQuotes:
    """What became of a feeder's quotes, by number."""

    stored: int
    repeated: int
    conflicting: int
    crossed: int


def store_quotes(source: str, quotes: Sequence[PushedQuote]) -> StoredQuotes:
    """Store the quotes of the feeder key named `source`, all but crossed ones, or none; return how many of each.

    Markets cross for moments. Such a quote says nothing that could price a trade, and the one before it stands on.
    Raises DomainError `ahead_of_clock` for a quote_time more than five seconds ahead of the database clock.
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
        stored, conflicting, crossed, ahead = cursor.fetchall()[0]
    if ahead is not None:
        detail = f"This quote_time is more than {CLOCK_SKEW.seconds} seconds in the future; nothing was stored."
        raise DomainError("ahead_of_clock", detail, f"/quotes/{ahead - 1}/quote_time")
    repeated = len(quotes) - stored - conflicting - crossed
    QUOTES_STORED.log(source=source, stored=stored, repeated=repeated, conflicting=conflicting, crossed=crossed)
    return StoredQuotes(stored, repeated, conflicting, crossed)


def quotes_between(instruments: Iterable[str], since: datetime, until: datetime) -> dict[str, list[quoting.Quote]]:
    """The stored quotes with a quote_time in [since, until], oldest first, by instrument in its one spelling.

    Every instrument asked for has an entry; it is empty where nobody quoted it.
    """
    found: dict[str, list[quoting.Quote]] = {canonical_instrument(name): [] for name in instruments}
    if found:
        for instrument, *quote in look(BETWEEN, (list(found), since, until)):
            found[instrument].append(quoting.Quote(*quote))
    return found


def quotes_around(
    moments: Collection[tuple[str, datetime]], limit: timedelta
) -> dict[tuple[str, datetime], list[Quote]]:
    """The stored quotes of each instrument within the limit of its moment, oldest first; all by one statement."""
    asked = list(dict.fromkeys(moments))
    found: dict[tuple[str, datetime], list[Quote]] = {moment: [] for moment in asked}
    if asked:
        names, times = [canonical_instrument(name) for name, _ in asked], [time for _, time in asked]
        for number, *quote in look(AROUND, {"instruments": names, "moments": times, "limit": limit}):
            found[asked[number - 1]].append(Quote(*quote))
    return found


# Neutral quotes get this long after a report to arrive.
QUOTE_WAIT = timedelta(seconds=5)


@dataclass
class PricedLegs:
    """Executions at the touch with the quotes they came from."""

    legs: list[LegFill] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    provenances: list[Provenance] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def provenance(self) -> Provenance:
        """What the whole deserves to be called."""
        return weakest(self.provenances)

    def add(self, leg: LegFill, provenance: Provenance, source: dict[str, Any]) -> None:
        """Take one more execution."""
        self.legs.append(leg)
        self.provenances.append(provenance)
        self.sources.append(source)

    def documents(self) -> list[dict[str, Any]]:
        """As stored with a fill."""
        return [leg.document() | source for leg, source in zip(self.legs, self.sources, strict=True)]


def quote_document(quote: Quote, provenance: Provenance) -> dict[str, Any]:
    """The quote as stored with an execution."""
    document: dict[str, Any] = {
        "source": provenance.value,
        "bid": decimal_text(quote.bid),
        "ask": decimal_text(quote.ask),
        "quote_time": format_timestamp(quote.quote_time),
    }
    if quote.id is not None:
        document["quote_id"] = quote.id
    return {"quote": document}


def neutral_entry_legs(
    wanted: Mapping[PositionKey, Decimal], *, since: datetime, limit: timedelta
) -> PricedLegs | None:
    """An opening at the first neutral quotes within the limit after `since`; None until there is one for every leg."""
    found = quotes_between([instrument for instrument, _ in wanted], since, since + limit)
    priced = PricedLegs()
    for (instrument, side), quantity in wanted.items():
        quote = neutral_entry(found.get(instrument, []), since, limit)
        if quote is None:
            return None
        price = touch(quote, sells=side == "SHORT")
        leg = LegFill(instrument, "OPEN", side, quantity, price)
        priced.add(leg, Provenance.NEUTRAL_QUOTE, quote_document(quote, Provenance.NEUTRAL_QUOTE))
    return priced


@dataclass(frozen=True)
class ExitMoment:
    """When a shadow leaves, and what may price it."""

    time: datetime
    entered_at: datetime
    limit: timedelta
    neutral_until: datetime  # neutral quotes that arrived later do not count
    claimed: Provenance  # of the engine's own quotes
    told: ReportClock  # when the engine's own report arrived, and how its times are judged
    snapshot_told: ReportClock | None = None  # the same of the real trade's
    snapshot: Mapping[str, Any] | None = None  # the real trade's own conditions
    settled_for_real: Collection[str] = ()  # the contracts of its own that the real trade settled by them
    own: Mapping[str, Any] | None = None  # the shadow engine's report
    takes_neutral: bool = True  # False where there are none, or an engine's own are to be judged


def exit_legs(wanted: Mapping[PositionKey, Decimal], moment: ExitMoment) -> PricedLegs | None:
    """A closing at the touch; None unless every leg has a price."""
    instruments = [instrument for instrument, _ in wanted]
    neutral = quotes_between(instruments if moment.takes_neutral else (), moment.time - moment.limit, moment.time)
    conditions = [
        (source, Provenance.SAME_SNAPSHOT_QUOTE if source is moment.snapshot else _own(moment.claimed))
        for source in (moment.snapshot, moment.own)
        if source
    ]
    priced = PricedLegs()
    for (instrument, side), quantity in wanted.items():
        if not _price(priced, LegFill(instrument, "CLOSE", side, quantity, Decimal(0)), neutral, conditions, moment):
            return None
    return priced


def _price(
    priced: PricedLegs,
    leg: LegFill,
    neutral: Mapping[str, list[Quote]],
    conditions: list[tuple[Mapping[str, Any], Provenance]],
    moment: ExitMoment,
) -> bool:
    """Price one leg from the first source that can; whether one could."""
    word: tuple[Settlement, Provenance] | None = None
    for source, _ in conditions:
        settlement = read_settlements(source).get(leg.instrument)
        if settlement is None or not _is_possible(leg, settlement, moment):
            continue
        of_the_real_trade = source is moment.snapshot
        told = (moment.snapshot_told if of_the_real_trade else None) or moment.told
        provenance = settlement_provenance(leg.instrument, settlement, moment.limit, told)
        borne_out = settlement.underlying is not None and provenance == Provenance.SETTLEMENT
        # The real engine would end its rival's contract at nothing, if its word alone could: it counts where its own
        # money was settled by it, or where the neutral feed says the same.
        if borne_out or (of_the_real_trade and leg.instrument in moment.settled_for_real):
            priced.add(_at(leg, settlement.price), provenance, {"settlement": settlement.document()})
            return True
        if not of_the_real_trade:
            word = settlement, provenance
    quote = neutral_exit(
        neutral.get(leg.instrument, []),
        moment.time,
        moment.limit,
        arrived_by=moment.neutral_until,
        not_before=moment.entered_at,
        sells=leg.is_sale,
    )
    if quote is not None:
        price = touch(quote, sells=leg.is_sale)
        priced.add(_at(leg, price), Provenance.NEUTRAL_QUOTE, quote_document(quote, Provenance.NEUTRAL_QUOTE))
        return True
    # A shadow's word on how its contract ended comes after the feed's on what it was worth.
    if word is not None:
        priced.add(_at(leg, word[0].price), word[1], {"settlement": word[0].document()})
        return True
    for source, provenance in conditions:
        raw = quotes_by_instrument(source.get("quotes")).get(leg.instrument)
        if raw is None:
            continue
        read = read_quote(raw, moment.time, max_age=moment.limit, not_before=moment.entered_at, sells=leg.is_sale)
        if isinstance(read, Quote):
            priced.add(_at(leg, touch(read, sells=leg.is_sale)), provenance, quote_document(read, provenance))
            return True
        priced.flags[leg.instrument] = read.value
    return False


def _at(leg: LegFill, price: Decimal) -> LegFill:
    return LegFill(leg.instrument, leg.effect, leg.side, leg.quantity, price)


def _own(claimed: Provenance) -> Provenance:
    """A model stays one whatever it is called at the exit."""
    return Provenance.MODEL if claimed == Provenance.MODEL else Provenance.OWN_FEED_QUOTE


def _is_possible(leg: LegFill, settlement: Settlement, moment: ExitMoment) -> bool:
    """Whether a settlement that somebody else reported can be this leg's, too."""
    if not moment.entered_at <= settlement.settled_at <= moment.time:
        return False
    try:
        refuse_impossible_settlement(leg.instrument, leg.side, settlement)
    except DomainError:
        # Assigned is what happens to the short side: the long one of the same contract needs its own word.
        return False
    return True


def settlement_provenance(instrument: str, settlement: Settlement, limit: timedelta, told: ReportClock) -> Provenance:
    """SETTLEMENT where the neutral feed bears it out, or an option's holder says that nothing was left; else OWN_FEED.

    `told` is when the report of it arrived.
    """
    option = parse_option(instrument)
    root = option.root if option is not None else instrument
    moment = decisive_moment(instrument, settlement, told)
    around = [] if moment is None else quotes_between([root], moment - limit, moment + limit)[root]
    if around:
        lowest, highest = min(q.bid for q in around), max(q.ask for q in around)
        return (
            Provenance.SETTLEMENT
            if is_borne_out(instrument, settlement, lowest, highest)
            else Provenance.OWN_FEED_QUOTE
        )
    worthless = option is not None and settlement.underlying is None and settlement.price == 0
    return Provenance.SETTLEMENT if worthless else Provenance.OWN_FEED_QUOTE


def refuse_bad_exit_quotes(
    wanted: dict[PositionKey, Decimal],
    conditions: dict[str, Any],
    exit_time: datetime,
    *,
    entered_at: datetime,
    limit: timedelta,
) -> None:
    """Raise for quotes and settlements that a shadow's own report must not hold, and for a leg without either."""
    refuse_unreadable_settlements(conditions)
    settlements = read_settlements(conditions)
    for instrument, side in wanted:
        if instrument in settlements:
            settlement = settlements[instrument]
            refuse_impossible_settlement(instrument, side, settlement)
            refuse_chosen_settlement(instrument, settlement)
            refuse_settlement_outside(instrument, settlement, entered_at, exit_time)
    quotes = quotes_by_instrument(conditions.get("quotes"))
    names = {instrument for instrument, _ in wanted} - set(settlements)
    selling = {instrument for instrument, side in wanted if side == "LONG"}
    for instrument in sorted(names | set(quotes)):
        read = read_quote(
            quotes.get(instrument),
            exit_time,
            max_age=limit,
            not_before=entered_at,
            sells=instrument in selling,
        )
        if not isinstance(read, QuoteFlag):
            continue
        if instrument in names or read in (QuoteFlag.LOOKAHEAD, QuoteFlag.CROSSED):
            raise quote_error(instrument, read, "/quotes")
