"""Judging quotes: which of those in a report may price a shadow's exit, and why the others may not.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from kernel.instants import parse_instant
from outcomes.core.pricing import Leg

_DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
# What the price columns hold: numeric(20, 8).
PRICE_BELOW = Decimal(10) ** 12
PRICE_STEP = Decimal("0.00000001")


class QuoteFlag(StrEnum):
    """Why a quote prices nothing."""

    LOOKAHEAD = "LOOKAHEAD"  # made after the exit
    CROSSED = "CROSSED"  # bid above ask
    ONE_SIDED = "ONE_SIDED"  # bid or ask absent, or nothing offered
    NO_TIME = "NO_TIME"  # without a readable quote_time nobody can exclude look-ahead
    NOT_A_QUOTE = "NOT_A_QUOTE"  # not {bid, ask, quote_time} with prices from 0
    MISSING = "MISSING"  # not there at all


@dataclass(frozen=True, slots=True)
class Quote:
    """A two-sided quote that was in force at the exit."""

    bid: Decimal
    ask: Decimal
    quote_time: datetime

    def touch(self, leg: Leg) -> Decimal:
        """Return what leaving the leg gets at once: a long leg sells at the bid, a short one buys at the ask."""
        return self.bid if leg.side == "LONG" else self.ask


@dataclass(frozen=True, slots=True)
class JudgedQuotes:
    """The quotes of one report, by instrument: those that may price, and the flags of the others."""

    usable: dict[str, Quote]
    flags: dict[str, str]

    def flag_of(self, instrument: str) -> str | None:
        """Return why the instrument cannot be priced from here; None when it can."""
        if instrument in self.usable:
            return None
        return self.flags.get(instrument, QuoteFlag.MISSING.value)

    def touch_prices(self, legs: Sequence[Leg]) -> dict[str, Decimal] | None:
        """Return the exit price of every leg at the touch; None unless all are quoted: nothing is guessed."""
        if any(leg.instrument not in self.usable for leg in legs):
            return None
        return {leg.instrument: self.usable[leg.instrument].touch(leg) for leg in legs}


def quotes_of(market_conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the member `quotes` of market conditions; empty when it is no object."""
    quotes = market_conditions.get("quotes")
    return quotes if isinstance(quotes, dict) else {}


def judge_quotes(quotes: Mapping[str, Any], exit_time: datetime) -> JudgedQuotes:
    """Sort quotes by whether they may price an exit at `exit_time` (R4.2)."""
    usable: dict[str, Quote] = {}
    flags: dict[str, str] = {}
    for instrument, raw in quotes.items():
        judged = _judge(raw, exit_time)
        if isinstance(judged, Quote):
            usable[instrument] = judged
        else:
            flags[instrument] = judged.value
    return JudgedQuotes(usable, flags)


def _judge(raw: Any, exit_time: datetime) -> Quote | QuoteFlag:
    if not isinstance(raw, dict):
        return QuoteFlag.NOT_A_QUOTE
    if raw.get("bid") is None or raw.get("ask") is None:
        return QuoteFlag.ONE_SIDED
    bid, ask = _price(raw["bid"]), _price(raw["ask"])
    if bid is None or ask is None:
        return QuoteFlag.NOT_A_QUOTE
    if bid > ask:
        return QuoteFlag.CROSSED
    if ask == 0:
        # Feeds write 0 for a side that nobody quotes; nobody gives an option away.
        return QuoteFlag.ONE_SIDED
    try:
        quote_time = parse_instant(raw.get("quote_time"))
    except ValueError:
        return QuoteFlag.NO_TIME
    return QuoteFlag.LOOKAHEAD if quote_time > exit_time else Quote(bid, ask, quote_time)


def _price(value: Any) -> Decimal | None:
    """Return a price that the columns hold exactly; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    text = value if isinstance(value, str) else str(value)
    if _DECIMAL.fullmatch(text) is None:
        return None
    price = Decimal(text)
    if not 0 <= price < PRICE_BELOW or price % PRICE_STEP != 0:
        return None
    return price
