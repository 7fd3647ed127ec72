"""Trades without a database: legs, quotes and money to the last digit, and whether a pair of trades is fair (R4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from enum import StrEnum
from typing import Any, TypedDict

from kernel.values import decimal_text, format_timestamp, parse_instant

SIGNS = {"LONG": 1, "SHORT": -1}
# Python's default of 28 digits would round what numeric columns can hold; Inexact makes rounding an error.
_EXACT = Context(prec=200, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])


class Digits(TypedDict):
    """The numbers that a column holds, and a call accepts: all digits, and those after the point."""

    max_digits: int
    decimal_places: int


PRICE: Digits = {"max_digits": 20, "decimal_places": 8}  # of one unit; fees, too
NET_PRICE: Digits = {"max_digits": 24, "decimal_places": 8}  # of up to four legs with their ratios
QUANTITY: Digits = {"max_digits": 18, "decimal_places": 4}
MULTIPLIER: Digits = {"max_digits": 12, "decimal_places": 2}
FEES: Digits = {"max_digits": 21, "decimal_places": 8}  # entry and exit
# Wide enough for every product of the columns that it comes from.
PNL: Digits = {"max_digits": 60, "decimal_places": 14}
PRICE_BELOW = Decimal(10) ** (PRICE["max_digits"] - PRICE["decimal_places"])
PRICE_STEP = Decimal(1).scaleb(-PRICE["decimal_places"])
# Quotes come from feeds, which also write 1e-2.
_QUOTED_PRICE = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Leg:
    """One instrument of a trade, as entered."""

    instrument: str
    side: str  # LONG or SHORT
    ratio: int  # 1 or more
    entry_price: Decimal  # per unit of the instrument

    @property
    def sign(self) -> int:
        """1 for what was bought, -1 for what was sold."""
        return SIGNS[self.side]

    def document(self) -> dict[str, Any]:
        """The leg as stored, with its price as text."""
        return {
            "instrument": self.instrument,
            "side": self.side,
            "ratio": self.ratio,
            "entry_price": decimal_text(self.entry_price),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Leg:
        """The leg that was stored as this document."""
        price = Decimal(document["entry_price"])
        return cls(document["instrument"], document["side"], document["ratio"], price)


def trade_price(legs: Sequence[Leg], prices: Mapping[str, Decimal]) -> Decimal:
    """The price of a single leg; of several, their net debit (a credit is negative)."""
    if len(legs) == 1:
        return prices[legs[0].instrument]
    with localcontext(_EXACT):
        return sum((leg.sign * leg.ratio * prices[leg.instrument] for leg in legs), Decimal(0))


def profit_and_loss(
    legs: Sequence[Leg],
    exit_prices: Mapping[str, Decimal],
    *,
    quantity: Decimal,
    multiplier: Decimal,
    fees: Decimal,
) -> Decimal:
    """Sum sign x (exit - entry) x ratio over the legs, times quantity x multiplier, less fees, in currency (R5.1)."""
    with localcontext(_EXACT):
        moved = sum(leg.sign * leg.ratio * (exit_prices[leg.instrument] - leg.entry_price) for leg in legs)
        return moved * quantity * multiplier - fees


class QuoteFlag(StrEnum):
    """Why a quote cannot price an exit."""

    LOOKAHEAD = "LOOKAHEAD"  # dated after the exit
    CROSSED = "CROSSED"  # bid above ask
    ONE_SIDED = "ONE_SIDED"  # no bid, no ask, or nothing offered
    NO_TIME = "NO_TIME"  # without a valid quote_time, look-ahead cannot be ruled out
    NOT_A_QUOTE = "NOT_A_QUOTE"  # not {bid, ask, quote_time} with prices of 0 or more
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Quote:
    """A two-sided quote that was in force at the exit."""

    bid: Decimal
    ask: Decimal
    quote_time: datetime

    def touch(self, leg: Leg) -> Decimal:
        """What closing the leg gets immediately: a long leg sells at the bid, a short one buys at the ask."""
        return self.bid if leg.side == "LONG" else self.ask


@dataclass(frozen=True, slots=True)
class JudgedQuotes:
    """The quotes of one report by instrument: those that can price, and the flags of the others."""

    usable: dict[str, Quote]
    flags: dict[str, str]

    def flag_of(self, instrument: str) -> str | None:
        """Why the instrument cannot be priced; None when it can."""
        if instrument in self.usable:
            return None
        return self.flags.get(instrument, QuoteFlag.MISSING.value)

    def touch_prices(self, legs: Sequence[Leg]) -> dict[str, Decimal] | None:
        """The exit price of every leg at the touch; None unless all are quoted: nothing is guessed."""
        if any(leg.instrument not in self.usable for leg in legs):
            return None
        return {leg.instrument: self.usable[leg.instrument].touch(leg) for leg in legs}


def quotes_of(market_conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The field `quotes` of market conditions; empty unless it is an object."""
    quotes = market_conditions.get("quotes")
    return quotes if isinstance(quotes, dict) else {}


def judge_quotes(quotes: Mapping[str, Any], exit_time: datetime) -> JudgedQuotes:
    """Separate the quotes that can price an exit at `exit_time` from those that cannot (R4.2)."""
    judged = JudgedQuotes({}, {})
    for instrument, raw in quotes.items():
        quote = judge_quote(raw, exit_time)
        if isinstance(quote, Quote):
            judged.usable[instrument] = quote
        else:
            judged.flags[instrument] = quote.value
    return judged


def judge_quote(raw: Any, exit_time: datetime) -> Quote | QuoteFlag:
    """The quote as sent, read; or the first reason why it cannot price an exit at `exit_time`."""
    if not isinstance(raw, dict):
        return QuoteFlag.NOT_A_QUOTE
    if raw.get("bid") is None or raw.get("ask") is None:
        return QuoteFlag.ONE_SIDED
    bid, ask = _quoted_price(raw["bid"]), _quoted_price(raw["ask"])
    if bid is None or ask is None:
        return QuoteFlag.NOT_A_QUOTE
    if bid > ask:
        return QuoteFlag.CROSSED
    if ask == 0:
        # Feeds send 0 for a side without quotes; nobody gives an option away.
        return QuoteFlag.ONE_SIDED
    try:
        quote_time = parse_instant(raw.get("quote_time"))
    except ValueError:
        return QuoteFlag.NO_TIME
    return QuoteFlag.LOOKAHEAD if quote_time > exit_time else Quote(bid, ask, quote_time)


def _quoted_price(value: Any) -> Decimal | None:
    """A price that the columns hold exactly; None for anything else."""
    if not isinstance(value, (int, float, str, Decimal)):
        return None
    # Of a boolean, too, which Python counts among the integers: "True" is no price.
    text = str(value)
    if _QUOTED_PRICE.fullmatch(text) is None:
        return None
    price = Decimal(text)
    if not 0 <= price < PRICE_BELOW or price % PRICE_STEP != 0:
        return None
    return price


class PairRule(StrEnum):
    """The rules of R4.5 by what breaks them."""

    CONTEXT_HASH_DIFFERS = "CONTEXT_HASH_DIFFERS"  # recommended from another market context
    RULES_HASH_DIFFERS = "RULES_HASH_DIFFERS"  # traded by other rules than it recommended by
    LATE_ENTRY = "LATE_ENTRY"  # entered outside the entry window of the pinned policy version
    EXIT_TIME_DIFFERS = "EXIT_TIME_DIFFERS"
    CONDITIONS_HASH_DIFFERS = "CONDITIONS_HASH_DIFFERS"  # exited under other market conditions
    INSTRUMENT_DIFFERS = "INSTRUMENT_DIFFERS"  # exited other instruments than it entered
    PNL_DIFFERS = "PNL_DIFFERS"  # recorded another P&L than its prices give


@dataclass(frozen=True, slots=True)
class PairedTrade:
    """What the checks need of one trade and of the recommendation that it follows."""

    engine: str
    context_hash: str  # of the recommendation
    recommended_rules_hash: str
    registered_rules_hash: str  # of the engine, when the trade was opened
    entry_time: datetime
    exit_time: datetime
    conditions_hash: str
    entry_instruments: frozenset[str]
    exit_instruments: frozenset[str] | None  # None: UNPRICED
    stored_pnl: Decimal | None
    recomputed_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class Pair:
    """The real and the shadow trade of one experiment, both closed."""

    context_hash: str  # of the market context
    entry_window_seconds: int  # of the pinned policy version
    real: PairedTrade
    shadow: PairedTrade


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule: who broke it, what was expected and found."""

    engine: str
    name: str
    detail: str


def find_breaches(pair: Pair) -> list[Breach]:
    """Every rule of R4.5 that the pair breaks; none for a fair pair."""
    real, shadow = pair.real, pair.shadow
    breaches = [*_breaches_alone(real, pair.context_hash), *_breaches_alone(shadow, pair.context_hash)]
    apart = abs(real.entry_time - shadow.entry_time)
    if apart > timedelta(seconds=pair.entry_window_seconds):
        later = real if real.entry_time > shadow.entry_time else shadow
        allowed = f"at most {pair.entry_window_seconds} s"
        breaches.append(_breach(later, PairRule.LATE_ENTRY, allowed, f"{apart.total_seconds()} s"))
    if shadow.exit_time != real.exit_time:
        expected, found = format_timestamp(real.exit_time), format_timestamp(shadow.exit_time)
        breaches.append(_breach(shadow, PairRule.EXIT_TIME_DIFFERS, expected, found))
    if shadow.conditions_hash != real.conditions_hash:
        breaches.append(_breach(shadow, PairRule.CONDITIONS_HASH_DIFFERS, real.conditions_hash, shadow.conditions_hash))
    return breaches


def _breaches_alone(trade: PairedTrade, context_hash: str) -> Iterator[Breach]:
    """The rules that a trade breaks whatever the other one did."""
    if trade.context_hash != context_hash:
        yield _breach(trade, PairRule.CONTEXT_HASH_DIFFERS, context_hash, trade.context_hash)
    if trade.recommended_rules_hash != trade.registered_rules_hash:
        registered = trade.registered_rules_hash or "a registered hash"
        yield _breach(trade, PairRule.RULES_HASH_DIFFERS, registered, trade.recommended_rules_hash)
    if trade.exit_instruments not in (None, trade.entry_instruments):
        entered, exited = sorted(trade.entry_instruments), sorted(trade.exit_instruments or ())
        yield _breach(trade, PairRule.INSTRUMENT_DIFFERS, entered, exited)
    if trade.stored_pnl != trade.recomputed_pnl:
        yield _breach(trade, PairRule.PNL_DIFFERS, trade.recomputed_pnl, trade.stored_pnl)


def _breach(trade: PairedTrade, rule: PairRule, expected: object, found: object) -> Breach:
    return Breach(trade.engine, rule.value, f"expected {expected}, found {found}")
