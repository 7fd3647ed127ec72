"""What engines report of their trades: whether it can be true, its exact text, its hash.

Each `judge_*` raises DomainError with a code of its own for the first thing that cannot be true.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from kernel.canonical import document_hash
from kernel.errors import DomainError
from kernel.values import decimal_text
from outcomes.core.trades import JudgedQuotes, Leg, QuoteFlag, judge_quotes, quotes_of, trade_price

# How far an engine's clock may be ahead of the database's.
CLOCK_SKEW = timedelta(seconds=5)
# The error of a quote that a shadow exit must not use, by its flag: code, and what to do about it.
QUOTE_ERRORS = {
    QuoteFlag.LOOKAHEAD: ("lookahead", "is dated after exit_time; send the last quote at or before it."),
    QuoteFlag.CROSSED: ("crossed_quote", "has a bid above its ask; send the last quote that was not crossed."),
    QuoteFlag.ONE_SIDED: ("one_sided_quote", "is one-sided; send the last quote with both bid and ask."),
    QuoteFlag.NO_TIME: ("quote_time_missing", "has no valid quote_time."),
    QuoteFlag.NOT_A_QUOTE: (
        "not_a_quote",
        "must be {bid, ask, quote_time}, with prices of 0 or more and at most 8 decimal places.",
    ),
    QuoteFlag.MISSING: ("quote_missing", "is missing; send one for every leg."),
}
_READER = json.JSONDecoder(parse_float=str, parse_int=str)


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


@dataclass(frozen=True, slots=True)
class ExitReport:
    """An exit that an engine says it made."""

    exit_time: datetime
    exit_price: Decimal | None
    exit_reason: str
    legs: tuple[ReportedLeg, ...]
    fees: Decimal
    market_conditions: dict[str, Any]
    price_provenance: str | None  # None: as the entry's


@dataclass(frozen=True, slots=True)
class ShadowExitReport:
    """A shadow engine's own quotes as of a directive's exit time."""

    quotes: Mapping[str, Any]
    exit_time: datetime | None
    exit_price: Decimal | None
    legs: tuple[ReportedLeg, ...]
    fees: Decimal


def judge_opening(report: OpeningReport, now: datetime) -> tuple[tuple[Leg, ...], Decimal]:
    """The legs with their prices, and the trade's price."""
    _refuse_duplicates(report.legs)
    _refuse_future(report.entry_time, now, "entry_time")
    _refuse_negative_fees(report.fees)
    reported = {leg.instrument: leg.entry_price for leg in report.legs}
    prices = _leg_prices(list(reported), reported, report.entry_price, "entry_price")
    legs = []
    for leg in report.legs:
        assert leg.side is not None
        assert leg.ratio is not None
        legs.append(Leg(leg.instrument, leg.side, leg.ratio, prices[leg.instrument]))
    return tuple(legs), _matching_price(legs, prices, report.entry_price, "entry_price")


def judge_exit(
    report: ExitReport, legs: Sequence[Leg], *, entry_time: datetime, now: datetime
) -> tuple[dict[str, Decimal], Decimal]:
    """The exit price of every leg, and of the trade."""
    if report.exit_time < entry_time:
        raise DomainError(
            "exit_before_entry", "exit_time is before the trade's entry_time; check the engine's clock.", "/exit_time"
        )
    _refuse_future(report.exit_time, now, "exit_time")
    _refuse_negative_fees(report.fees)
    _refuse_other_legs(report.legs, legs)
    reported = {leg.instrument: leg.exit_price for leg in report.legs}
    prices = _leg_prices([leg.instrument for leg in legs], reported, report.exit_price, "exit_price")
    return prices, _matching_price(legs, prices, report.exit_price, "exit_price")


def refuse_bad_quotes(market_conditions: Mapping[str, Any], exit_time: datetime) -> None:
    """Raise for quotes that a shadow's own exit must not contain even where it uses none: look-ahead or crossed."""
    for instrument, flag in judge_quotes(quotes_of(market_conditions), exit_time).flags.items():
        if flag in (QuoteFlag.LOOKAHEAD, QuoteFlag.CROSSED):
            raise _quote_error(instrument, flag, "/market_conditions/quotes")


def judge_shadow_exit(
    report: ShadowExitReport, legs: Sequence[Leg], *, exit_time: datetime
) -> tuple[dict[str, Decimal], Decimal, JudgedQuotes]:
    """The exit price of every leg at the touch, the trade's price, and the quotes they come from."""
    if report.exit_time not in (None, exit_time):
        raise DomainError(
            "exit_time_differs", "exit_time must equal the directive's, to the microsecond.", "/exit_time"
        )
    _refuse_negative_fees(report.fees)
    _refuse_other_legs(report.legs, legs)
    judged = judge_quotes(report.quotes, exit_time)
    for leg in legs:
        if (flag := judged.flag_of(leg.instrument)) is not None:
            raise _quote_error(leg.instrument, flag, "/quotes")
    prices = judged.touch_prices(legs)
    assert prices is not None
    for reported in report.legs:
        _refuse_mismatch(reported.exit_price, prices[reported.instrument], f"/legs/{reported.instrument}/exit_price")
    return prices, _matching_price(legs, prices, report.exit_price, "exit_price"), judged


def request_hash(body: Any) -> str:
    """SHA-256 that recognises a repeated request, whatever its spelling."""
    return document_hash(exact_document(body))


def exact_document(value: Any) -> Any:
    """A parsed body without Decimals, so that it has a canonical form and loses no digit.

    A Decimal becomes a float if the float's shortest digits name the very same number (1.50 and 1.5 are
    one), else its text, as big integers do.
    """
    if isinstance(value, dict):
        return {name: exact_document(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact_document(item) for item in value]
    if isinstance(value, Decimal):
        nearest = float(value)
        return nearest if Decimal(repr(nearest)) == value else str(value)
    return value


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


def _refuse_duplicates(legs: Sequence[ReportedLeg]) -> None:
    for instrument, count in Counter(leg.instrument for leg in legs).items():
        if count > 1:
            raise DomainError("duplicate_leg", f"Leg {instrument} appears {count} times; use ratio instead.", "/legs")


def _refuse_future(moment: datetime, now: datetime, field: str) -> None:
    if moment > now + CLOCK_SKEW:
        raise DomainError("time_in_future", f"{field} is in the future; check the engine's clock.", f"/{field}")


def _refuse_negative_fees(fees: Decimal) -> None:
    if fees < 0:
        raise DomainError("negative_fees", "Fees must be 0 or more.", "/fees")


def _refuse_other_legs(reported: Sequence[ReportedLeg], legs: Sequence[Leg]) -> None:
    """Refuse legs that the trade does not have, or that contradict its entry."""
    _refuse_duplicates(reported)
    entered = {leg.instrument: leg for leg in legs}
    for found in reported:
        leg = entered.get(found.instrument)
        if leg is None:
            raise DomainError("unknown_leg", f"The trade has no leg {found.instrument}.", "/legs")
        if (
            found.side not in (None, leg.side)
            or found.ratio not in (None, leg.ratio)
            or found.entry_price not in (None, leg.entry_price)
        ):
            raise DomainError(
                "leg_differs",
                f"Leg {found.instrument} does not match the entry; side, ratio and entry_price cannot change.",
                "/legs",
            )


def _leg_prices(
    instruments: Sequence[str], reported: Mapping[str, Decimal | None], total: Decimal | None, field: str
) -> dict[str, Decimal]:
    """A price for every instrument; a single leg may leave its own to the trade's."""
    prices: dict[str, Decimal] = {}
    for instrument in instruments:
        price = reported.get(instrument)
        if price is None and len(instruments) == 1:
            price = total
        if price is None:
            raise DomainError("price_missing", f"Leg {instrument} has no {field}.", "/legs")
        if price < 0:
            raise DomainError("negative_price", f"The {field} of leg {instrument} must be 0 or more.")
        prices[instrument] = price
    return prices


def _matching_price(legs: Sequence[Leg], prices: Mapping[str, Decimal], total: Decimal | None, field: str) -> Decimal:
    price = trade_price(legs, prices)
    _refuse_mismatch(total, price, f"/{field}")
    return price


def _refuse_mismatch(reported: Decimal | None, price: Decimal, pointer: str) -> None:
    if reported not in (None, price):
        raise DomainError("price_mismatch", f"Does not match the legs: expected {decimal_text(price)}.", pointer)


def _quote_error(instrument: str, flag: str, pointer: str) -> DomainError:
    code, advice = QUOTE_ERRORS[QuoteFlag(flag)]
    return DomainError(code, f"The quote for {instrument} {advice}", f"{pointer}/{instrument}")
