"""What engines report, its legs and prices.

A report of a shadow is refused when it could not have happened, with a code of its own for the first thing that
cannot be true. A report of real money is booked whatever it says, as long as it can be booked at all: what is wrong
with it is named as a violation.

A recommendation is kept as its engine wrote it, to the last space (R7.5). What makes two reports the same stands in
`repeats`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from kernel.errors import DomainError
from kernel.values import decimal_text
from outcomes.core.books import LegFill, PositionKey, Ratios, net_price
from outcomes.core.quoting import QuoteFlag, canonical_instrument, parse_option
from outcomes.core.trades import Provenance

MAX_LEGS = 4
# What is wrong with a shadow's own quote, as an error of its report.
QUOTE_ERRORS = {
    QuoteFlag.LOOKAHEAD: ("lookahead", "is dated after the moment it prices; send the last quote at or before it."),
    QuoteFlag.STALE: ("stale_quote", "is too old; send a quote that stood at the time."),
    QuoteFlag.BEFORE_ENTRY: ("stale_quote", "is from before the entry; send a later one."),
    QuoteFlag.CROSSED: ("crossed_quote", "has a bid above its ask; send the last quote that was not crossed."),
    QuoteFlag.ONE_SIDED: ("one_sided_quote", "is one-sided; send the last quote with both bid and ask."),
    QuoteFlag.NO_TIME: ("quote_time_missing", "has no valid quote_time."),
    QuoteFlag.NOT_A_QUOTE: (
        "not_a_quote",
        "must be {bid, ask, quote_time}, with prices of 0 or more and at most 12 decimal places.",
    ),
    QuoteFlag.MISSING: ("quote_missing", "is missing; send one for every leg."),
}


@dataclass(frozen=True, slots=True)
class ReportedLeg:
    """One leg as reported; an exit may omit what the entry said."""

    instrument: str
    side: str | None = None
    ratio: int | None = None
    entry_price: Decimal | None = None
    exit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OpeningReport:
    """A trade that an engine says it opened."""

    experiment_id: UUID
    kind: str  # REAL or SHADOW
    legs: tuple[ReportedLeg, ...]
    quantity: Decimal
    multiplier: Decimal
    entry_price: Decimal | None
    entry_time: datetime
    fees: Decimal
    price_provenance: str
    currency: str | None = None  # None: the plan's
    risk_amount: Decimal | None = None
    entry_quotes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FillReport:
    """One more fill of an open trade."""

    fill_ref: str
    time: datetime
    legs: tuple[LegFill, ...]
    fees: Decimal
    reason: str
    price_provenance: str | None  # None: as the trade's
    market_conditions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExitReport:
    """An exit that closes all that is left."""

    exit_time: datetime
    exit_price: Decimal | None
    exit_reason: str
    legs: tuple[ReportedLeg, ...]
    fees: Decimal
    market_conditions: dict[str, Any]
    price_provenance: str | None  # None: as the trade's


@dataclass(frozen=True, slots=True)
class ShadowExitReport:
    """A shadow engine's own quotes or settlements as of a directive's exit time."""

    market_conditions: dict[str, Any]  # its quotes and settlements
    exit_time: datetime | None
    exit_price: Decimal | None
    legs: tuple[ReportedLeg, ...]


def opening_legs(report: OpeningReport, touches: Mapping[str, Decimal] | None) -> tuple[LegFill, ...]:
    """The executions of an opening. `touches` are a shadow's own quotes at the touch; None for a real trade.

    Raises `duplicate_leg` and `price_missing`; of a shadow also `negative_price`, `price_not_marketable` for a price
    better than its quotes and `price_mismatch` for another one.
    """
    refuse_duplicates(canonical_instrument(leg.instrument) for leg in report.legs)
    single = report.entry_price if len(report.legs) == 1 else None
    fills = []
    for leg in report.legs:
        assert leg.side is not None
        assert leg.ratio is not None
        price = leg.entry_price if leg.entry_price is not None else single
        if touches is not None:
            at = "/legs" if leg.entry_price is not None else "/entry_price"
            price = _touched(leg.instrument, price, touches[leg.instrument], is_sale=leg.side == "SHORT", pointer=at)
        if price is None:
            raise DomainError("price_missing", f"Leg {leg.instrument} has no entry_price.", "/legs")
        fills.append(LegFill(leg.instrument, "OPEN", leg.side, leg.ratio * report.quantity, price))
    if touches is not None:
        refuse_other_net_price(fills, opening_ratios(report), report.entry_price, "/entry_price")
    return tuple(fills)


def opening_ratios(report: OpeningReport) -> Ratios:
    """The ratios of the legs that an opening names, by position."""
    return tuple([((canonical_instrument(leg.instrument), leg.side or ""), leg.ratio or 1) for leg in report.legs])


def closing_legs(
    open_quantities: Mapping[PositionKey, Decimal],
    reported: Sequence[ReportedLeg],
    total: Decimal | None,
    settled: Mapping[str, Decimal],
) -> tuple[LegFill, ...]:
    """The executions that close all that is left, at the prices a real trade reports.

    `total` is the price of the whole, `settled` the price of each contract that ended. Raises `duplicate_leg`,
    `unknown_leg`, `leg_differs` and `price_missing`.
    """
    prices = reported_exit_prices(open_quantities, reported)
    legs = []
    for (instrument, side), quantity in open_quantities.items():
        price = prices.get(instrument, settled.get(instrument))
        if price is None and len(open_quantities) == 1:
            price = total
        if price is None:
            raise DomainError("price_missing", f"Leg {instrument} has no exit_price.", "/legs")
        legs.append(LegFill(instrument, "CLOSE", side, quantity, price))
    return tuple(legs)


def reported_exit_prices(
    open_quantities: Mapping[PositionKey, Decimal], reported: Sequence[ReportedLeg]
) -> dict[str, Decimal]:
    """The exit prices that the legs of a report name; raises for legs that are not open, or contradict the entry."""
    refuse_duplicates(canonical_instrument(leg.instrument) for leg in reported)
    sides: dict[str, set[str]] = {}
    for instrument, side in open_quantities:
        sides.setdefault(instrument, set()).add(side)
    prices = {}
    for leg in reported:
        if leg.instrument not in sides:
            raise DomainError("unknown_leg", f"The trade has no open leg {leg.instrument}.", "/legs")
        if leg.side is not None and leg.side not in sides[leg.instrument]:
            raise DomainError("leg_differs", f"Leg {leg.instrument} is not {leg.side}.", "/legs")
        if leg.exit_price is not None:
            prices[leg.instrument] = leg.exit_price
    return prices


def net_price_differs(legs: Sequence[LegFill], ratios: Ratios, total: Decimal | None) -> bool:
    """Whether the price reported for the whole is another one than its legs give."""
    return total is not None and total != net_price(legs, ratios)


def refuse_other_net_price(legs: Sequence[LegFill], ratios: Ratios, total: Decimal | None, pointer: str) -> None:
    """Raise `price_mismatch` where the price reported for the whole is not that of the legs."""
    if net_price_differs(legs, ratios, total):
        expected = decimal_text(net_price(legs, ratios))
        raise DomainError("price_mismatch", f"Does not match the legs: expected {expected}.", pointer)


def refuse_prices_better_than_quotes(
    legs: Sequence[LegFill], ratios: Ratios, reported: Mapping[str, Decimal], total: Decimal | None
) -> None:
    """Raise for a shadow's exit prices that are not the touch of the quotes it is closed at."""
    for leg in legs:
        price = reported.get(leg.instrument, total if len(legs) == 1 else None)
        at = "/legs" if leg.instrument in reported else "/exit_price"
        _touched(leg.instrument, price, leg.price, is_sale=leg.is_sale, pointer=at)
    refuse_other_net_price(legs, ratios, total, "/exit_price")


def refuse_claim(claimed: str | None, *, is_shadow: bool) -> None:
    """Raise `provenance_not_allowed` for a shadow that claims a broker's fill, or what only the referee can say."""
    if not is_shadow or claimed in (None, Provenance.OWN_FEED_QUOTE, Provenance.MODEL, Provenance.SETTLEMENT):
        return
    why = (
        "A shadow trade has no broker" if claimed == Provenance.BROKER_FILL else f"{claimed} is for the referee to say"
    )
    raise DomainError("provenance_not_allowed", f"{why}; claim OWN_FEED_QUOTE or MODEL.", "/price_provenance")


def _touched(instrument: str, price: Decimal | None, touch: Decimal, *, is_sale: bool, pointer: str) -> Decimal:
    """The touch, for a shadow that names no other price; `pointer` is where it names one."""
    if price is None or price == touch:
        return touch
    # Said before all else: who is told the bid would look for a mistake in its quotes.
    if price < 0 and parse_option(instrument) is not None:
        raise DomainError("negative_price", f"The price of leg {instrument} must be 0 or more.", pointer)
    rule = "sells at the bid; the bid" if is_sale else "buys at the ask; the ask"
    detail = f"{instrument} {rule} is {decimal_text(touch)}."
    better = price > touch if is_sale else price < touch
    raise DomainError("price_not_marketable" if better else "price_mismatch", detail, pointer)


def refuse_duplicates(instruments: Iterable[str], pointer: str = "/legs") -> None:
    """Raise `duplicate_leg` when an instrument, in its one spelling, has two legs of a trade or a plan."""
    for instrument, count in Counter(instruments).items():
        if count > 1:
            raise DomainError("duplicate_leg", f"Leg {instrument} appears {count} times; use ratio instead.", pointer)


def quote_error(instrument: str, flag: QuoteFlag, pointer: str) -> DomainError:
    """The error of a shadow's quote that cannot price."""
    code, advice = QUOTE_ERRORS[flag]
    return DomainError(code, f"The quote for {instrument} {advice}", f"{pointer}/{instrument}")


# Numbers stay text: only where they end is asked, and Python refuses to read one of five thousand digits.
_READER = json.JSONDecoder(parse_float=str, parse_int=str)


def field_text(body: bytes, name: str) -> str:
    """The value of a top-level field exactly as it was written (R7.5).

    `body` is one well-formed JSON object without duplicate names; raise KeyError if it lacks the field.
    """
    text = body.decode("utf-8-sig")
    at = _skip_space(text, _skip_space(text, 0) + 1)
    while text[at] == '"':
        found, at = _READER.raw_decode(text, at)
        start = _skip_space(text, _skip_space(text, at) + 1)
        _, end = _READER.raw_decode(text, start)
        if found == name:
            return text[start:end]
        at = _skip_space(text, end)
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    raise KeyError(name)


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1] in " \t\n\r" and at < len(text):
        at += 1
    return at
