"""Instruments in one spelling, and the quotes that price them.

A shadow trades nowhere, so its price is only as good as the quote it comes from. A quote prices a moment when it was
known then, is no older than the policy allows and has two sides in the right order; whatever is wrong with it has a
name, which is kept beside the trade.

OCC's symbol has 21 characters: the root padded to six, the expiry as YYMMDD, C or P, and the strike in thousandths of
a dollar as eight digits (Options Symbology Initiative, 2010). Feeds also write it unpadded, and some put `O:` in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any

from kernel.values import epoch_instant, parse_instant, plain_text, without_noise
from outcomes.core.trades import PRICE, Provenance, Worded

MAX_LENGTH = 64
# English whatever the locale of the process is.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Some feeds trim the padding to one space or none.
_OCC = re.compile(r"(?:O:)?([A-Z0-9.]{1,6}) *(\d\d)(\d\d)(\d\d)([CP])(\d{8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Option:
    """What an OCC symbol says; `strike` is in dollars."""

    root: str
    expiry: date
    is_call: bool
    strike: Decimal

    def intrinsic_value(self, underlying: Decimal) -> Decimal:
        """What exercising is worth at this price of the underlying, per unit; never below 0."""
        gain = underlying - self.strike if self.is_call else self.strike - underlying
        return max(gain, Decimal(0))


@lru_cache(maxsize=10_000)
def parse_option(instrument: str) -> Option | None:
    """Read an OCC symbol in any of its spellings; None for every other instrument."""
    match = _OCC.fullmatch(instrument)
    if match is None:
        return None
    root, year, month, day, right, strike = match.groups()
    try:
        expiry = date(2000 + int(year), int(month), int(day))
    except ValueError:
        # Thirteen months and the like: letters and digits that only look like a contract.
        return None
    return Option(root, expiry, right == "C", Decimal(strike) / 1000)


def contract_text(instrument: str) -> str:
    """An instrument as traders say it: GOOG 15 Aug 2008 500 put; what is no OCC symbol as it is."""
    option = parse_option(instrument)
    if option is None:
        return instrument
    expiry = f"{option.expiry.day} {_MONTHS[option.expiry.month - 1]} {option.expiry.year}"
    return f"{option.root} {expiry} {plain_text(option.strike)} {'call' if option.is_call else 'put'}"


@lru_cache(maxsize=10_000)
def canonical_instrument(instrument: str) -> str:
    """The spelling under which instruments are compared: OCC symbols padded to 21 characters, others as they are."""
    match = _OCC.fullmatch(instrument)
    if match is None or parse_option(instrument) is None:
        return instrument
    root, year, month, day, right, strike = match.groups()
    return f"{root:<6}{year}{month}{day}{right}{strike}"


# Letters that look like others would make two contracts of one.
INSTRUMENT_PATTERN = r"^[!-~]([ -~]*[!-~])?$"
BAD_INSTRUMENT = f"Send a symbol of 1 to {MAX_LENGTH} ASCII characters, without spaces around it."
_INSTRUMENT = re.compile(INSTRUMENT_PATTERN)


def is_instrument(value: object) -> bool:
    """Whether it can name an instrument: 1 to 64 printable ASCII characters, without spaces around them."""
    return isinstance(value, str) and len(value) <= MAX_LENGTH and _INSTRUMENT.fullmatch(value) is not None


def instruments_to_quote(instrument: str, day: date) -> tuple[str, ...]:
    """What a feed must quote on this day (New York's) to price the instrument, each in its one spelling.

    An option is quoted up to the day on which it expires; from that day on its underlying says what it settles at.
    """
    option = parse_option(instrument)
    if option is None or day < option.expiry:
        return (canonical_instrument(instrument),)
    return (canonical_instrument(instrument), option.root) if day == option.expiry else (option.root,)


PRICE_PLACES = PRICE["decimal_places"]
_WHOLE = PRICE["max_digits"] - PRICE_PLACES
PRICE_END = 10**_WHOLE
_STEP = Decimal(1).scaleb(-PRICE_PLACES)
# Feeds, and Python, also write 1e-2 and 1E+2.
PRICE_PATTERN = rf"\d{{1,{_WHOLE}}}(\.\d{{1,40}})?([eE]-\d{{1,2}})?|\d(\.\d{{1,40}})?[eE]\+?0?\d"
_PRICE = re.compile(PRICE_PATTERN, re.ASCII)
_ROUNDING = Context(prec=PRICE["max_digits"] + 1, rounding=ROUND_HALF_EVEN)


class QuoteFlag(Worded):
    """Why a quote cannot price a moment."""

    LOOKAHEAD = "LOOKAHEAD", "dated after the moment that it was to price"
    STALE = "STALE", "older than the policy allows"
    BEFORE_ENTRY = "BEFORE_ENTRY", "from before the entry"
    CROSSED = "CROSSED", "bid above ask"
    ONE_SIDED = "ONE_SIDED", "one side without a price"
    # Without one, look-ahead cannot be ruled out.
    NO_TIME = "NO_TIME", "no valid quote time"
    NOT_A_QUOTE = "NOT_A_QUOTE", "not a bid, an ask and a time, with prices of 0 or more"
    MISSING = "MISSING", "not quoted"


@dataclass(frozen=True, slots=True)
class Quote:
    """A bid and an ask that stood at `quote_time`; an ask of 0 is no ask.

    `id` and `received_at` are those of a stored quote of the neutral feed, None for one that an engine sent.
    """

    bid: Decimal
    ask: Decimal
    quote_time: datetime
    id: int | None = None
    received_at: datetime | None = None

    @property
    def can_price(self) -> bool:
        """Whether both sides can be traded with: something is offered, and not below what is bid."""
        return 0 < self.ask >= self.bid

    def can_close(self, *, sells: bool) -> bool:
        """Whether it can price an exit: a sale also at a bid of 0 where nothing is offered either, worthless."""
        return self.can_price or (sells and self.bid == self.ask == 0)


def read_quote(
    raw: object,
    moment: datetime,
    *,
    max_age: timedelta | None,
    not_before: datetime | None = None,
    sells: bool = False,
) -> Quote | QuoteFlag:
    """The quote as an engine sent it, or the first reason why it cannot price `moment`.

    `quote_time` may be RFC 3339 or an epoch in seconds or milliseconds. `max_age` is None where age does not matter,
    `not_before` the entry where the moment is an exit. `raw` is None where nothing was sent. `sells` takes a quote of
    0 and 0, too: a contract that nobody bids for any more can be left, worthless, but not bought.
    """
    prices = _prices(raw, sells=sells)
    if isinstance(prices, QuoteFlag):
        return prices
    assert isinstance(raw, dict)
    try:
        quote_time = read_quote_time(raw.get("quote_time"))
    except ValueError:
        return QuoteFlag.NO_TIME
    if quote_time > moment:
        return QuoteFlag.LOOKAHEAD
    if not_before is not None and quote_time < not_before:
        return QuoteFlag.BEFORE_ENTRY
    if max_age is not None and moment - quote_time > max_age:
        return QuoteFlag.STALE
    return Quote(*prices, quote_time)


def _prices(raw: object, *, sells: bool) -> tuple[Decimal, Decimal] | QuoteFlag:
    """Bid and ask of a quote as sent that can be traded with; else what is wrong with them."""
    if raw is None:
        return QuoteFlag.MISSING
    if not isinstance(raw, dict):
        return QuoteFlag.NOT_A_QUOTE
    if raw.get("bid") is None or raw.get("ask") is None:
        return QuoteFlag.ONE_SIDED
    bid, ask = read_price(raw["bid"]), read_price(raw["ask"])
    if bid is None or ask is None:
        return QuoteFlag.NOT_A_QUOTE
    if ask == 0 and not (sells and bid == 0):
        # Feeds send 0 for a side without quotes; nobody gives an option away.
        return QuoteFlag.ONE_SIDED
    return QuoteFlag.CROSSED if bid > ask else (bid, ask)


def read_price(value: object) -> Decimal | None:
    """A price of 0 or more, from text or a number, rounded to the decimals of the columns; None for anything else."""
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and _PRICE.fullmatch(value)):
        return None
    price = Decimal(str(value))
    if not price.is_finite() or not 0 <= price < PRICE_END:
        return None
    # Just below what the column holds, what was meant may be beyond.
    for meant in (without_noise(price), price) if is_number else (price,):
        rounded = meant.quantize(_STEP, context=_ROUNDING).copy_abs()  # no "-0"
        if rounded < PRICE_END:
            return rounded
    return None


def read_quote_time(value: object) -> datetime:
    """The instant of RFC 3339 text, or of an epoch as a number of seconds or milliseconds; raises ValueError."""
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        return parse_instant(value)
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("Infinity is not a time.")
    return epoch_instant(number)


def quotes_by_instrument(document: object) -> dict[str, Any]:
    """The quotes of {instrument: quote} as sent, by the one spelling of their instruments; empty for anything else.

    Where a contract occurs in two spellings, the canonical one counts.
    """
    if not isinstance(document, Mapping):
        return {}
    spelled = [(canonical_instrument(name), name) for name in document]
    # The canonical name comes last, and so stays.
    spelled.sort(key=lambda pair: pair[0] == pair[1])
    return {canonical: document[name] for canonical, name in spelled}


def touch(quote: Quote, *, sells: bool) -> Decimal:
    """What trades at once: a sale gets the bid, a purchase pays the ask."""
    return quote.bid if sells else quote.ask


def neutral_entry(quotes: Iterable[Quote], since: datetime, limit: timedelta) -> Quote | None:
    """The stored quote that prices a shadow's entry: the first that can price within [since, since + limit]."""
    found = [quote for quote in quotes if quote.can_price and since <= quote.quote_time <= since + limit]
    return min(found, key=_order, default=None)


def neutral_exit(
    quotes: Iterable[Quote],
    exit_time: datetime,
    limit: timedelta,
    *,
    arrived_by: datetime,
    not_before: datetime,
    sells: bool,
) -> Quote | None:
    """The stored quote that prices an exit: the last that can price within `limit` before it, known by `arrived_by`.

    Later arrivals are left out, so that pricing the same exit again finds the same quote; `not_before` is the entry.
    """
    earliest = max(exit_time - limit, not_before)
    found = [
        quote
        for quote in quotes
        if quote.can_close(sells=sells)
        and earliest <= quote.quote_time <= exit_time
        and quote.received_at is not None
        and quote.received_at <= arrived_by
    ]
    return max(found, key=_order, default=None)


def price_outside(price: Decimal, is_sale: bool, quotes: Iterable[Quote]) -> bool:  # noqa: FBT001 (said by a name)
    """Whether nobody can have traded at this price: bought below every bid, or sold above every ask.

    Worse than the touch is slippage, and False without a quote that can price.
    """
    usable = [quote for quote in quotes if quote.can_price]
    if not usable:
        return False
    # The widest span of all: between two quotes the market may have stood anywhere.
    if is_sale:
        return price > max(quote.ask for quote in usable)
    return price < min(quote.bid for quote in usable)


def _order(quote: Quote) -> tuple[datetime, int]:
    """By time; of two feeders' quotes of one time the one that was stored first comes first."""
    return quote.quote_time, quote.id or 0


# A trade whose legs were priced differently is as good as its weakest leg; strongest first.
_STRENGTH = (
    Provenance.BROKER_FILL,
    Provenance.NEUTRAL_QUOTE,
    Provenance.SETTLEMENT,
    Provenance.SAME_SNAPSHOT_QUOTE,
    Provenance.OWN_FEED_QUOTE,
    Provenance.MODEL,
    Provenance.UNPRICED,
)


def weakest(provenances: list[Provenance]) -> Provenance:
    """What a price made of several deserves to be called."""
    return max(provenances, key=_STRENGTH.index)
