"""What engines report about their trades, and whether it can be true.

Pure: no I/O, no clock, no randomness; `now` is an argument. Each judge raises DomainError with its
own code for the first thing that cannot be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from kernel.errors import DomainError
from outcomes.core.pricing import Leg, decimal_text, trade_price
from outcomes.core.quotes import JudgedQuotes, QuoteFlag, judge_quotes, quotes_of

# How far an engine's clock may be ahead of the database's.
CLOCK_SKEW = timedelta(seconds=5)
CODE_OF_FLAG = {
    QuoteFlag.LOOKAHEAD: "lookahead",
    QuoteFlag.CROSSED: "crossed_quote",
    QuoteFlag.ONE_SIDED: "one_sided_quote",
    QuoteFlag.NO_TIME: "quote_time_missing",
    QuoteFlag.NOT_A_QUOTE: "not_a_quote",
    QuoteFlag.MISSING: "quote_missing",
}
ADVICE_OF_FLAG = {
    QuoteFlag.LOOKAHEAD: "was made after the exit; send the last quote that was in force at exit_time",
    QuoteFlag.CROSSED: "has its bid above its ask; send the last quote that was not crossed",
    QuoteFlag.ONE_SIDED: "lacks a side; send the last quote with bid and ask",
    QuoteFlag.NO_TIME: "has no readable quote_time; say when it was made",
    QuoteFlag.NOT_A_QUOTE: "is not {bid, ask, quote_time} with prices from 0 and at most 8 decimals",
    QuoteFlag.MISSING: "is missing; quote every leg of the trade",
}


@dataclass(frozen=True, slots=True)
class ReportedLeg:
    """One leg as reported; an exit may leave out what the entry said already."""

    instrument: str
    side: str | None = None
    ratio: int | None = None
    entry_price: Decimal | None = None
    exit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OpeningReport:
    """A trade an engine says it has opened."""

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
    """An exit an engine says it has made."""

    exit_time: datetime
    exit_price: Decimal | None
    exit_reason: str
    legs: tuple[ReportedLeg, ...]
    fees: Decimal
    market_conditions: dict[str, Any]
    price_provenance: str | None  # None: as the entry's


@dataclass(frozen=True, slots=True)
class ShadowExitReport:
    """A shadow engine's own quotes as of the exit time of a directive."""

    quotes: Mapping[str, Any]
    exit_time: datetime | None
    exit_price: Decimal | None
    legs: tuple[ReportedLeg, ...]
    fees: Decimal


def judge_opening(report: OpeningReport, now: datetime) -> tuple[tuple[Leg, ...], Decimal]:
    """Return the legs with their prices and the trade's price."""
    _refuse_duplicates(report.legs)
    _refuse_future(report.entry_time, now, "/entry_time")
    _refuse_negative_fees(report.fees)
    reported = {leg.instrument: leg.entry_price for leg in report.legs}
    prices = _leg_prices(list(reported), reported, report.entry_price, "entry_price")
    legs = tuple(_entered(leg, prices[leg.instrument]) for leg in report.legs)
    return legs, _agreeing_price(legs, prices, report.entry_price, "entry_price")


def judge_exit(
    report: ExitReport, legs: Sequence[Leg], *, entry_time: datetime, now: datetime
) -> tuple[dict[str, Decimal], Decimal]:
    """Return the exit price of every leg and of the trade."""
    if report.exit_time < entry_time:
        raise DomainError(
            "exit_before_entry", "exit_time is before the trade's entry_time; check the engine's clock.", "/exit_time"
        )
    _refuse_future(report.exit_time, now, "/exit_time")
    _refuse_negative_fees(report.fees)
    _refuse_other_legs(report.legs, legs)
    reported = {leg.instrument: leg.exit_price for leg in report.legs}
    prices = _leg_prices([leg.instrument for leg in legs], reported, report.exit_price, "exit_price")
    return prices, _agreeing_price(legs, prices, report.exit_price, "exit_price")


def refuse_bad_quotes(market_conditions: Mapping[str, Any], exit_time: datetime) -> None:
    """Raise for a quote that a shadow's own report must not hold: made after the exit, or crossed."""
    flags = judge_quotes(quotes_of(market_conditions), exit_time).flags
    for instrument, flag in flags.items():
        if flag in (QuoteFlag.LOOKAHEAD, QuoteFlag.CROSSED):
            raise _quote_error(instrument, QuoteFlag(flag), "/market_conditions/quotes")


def judge_shadow_exit(
    report: ShadowExitReport, legs: Sequence[Leg], *, exit_time: datetime
) -> tuple[dict[str, Decimal], Decimal, JudgedQuotes]:
    """Return the exit price of every leg at the touch, the trade's, and the quotes they come from."""
    if report.exit_time not in (None, exit_time):
        raise DomainError(
            "exit_time_differs", "A shadow leaves at the real exit's exit_time, to the microsecond.", "/exit_time"
        )
    _refuse_negative_fees(report.fees)
    _refuse_other_legs(report.legs, legs)
    judged = judge_quotes(report.quotes, exit_time)
    for leg in legs:
        if (flag := judged.flag_of(leg.instrument)) is not None:
            raise _quote_error(leg.instrument, QuoteFlag(flag), "/quotes")
    prices = judged.touch_prices(legs)
    assert prices is not None
    for reported in report.legs:
        _refuse_mismatch(reported.exit_price, prices[reported.instrument], f"/legs/{reported.instrument}/exit_price")
    return prices, _agreeing_price(legs, prices, report.exit_price, "exit_price"), judged


def _entered(leg: ReportedLeg, price: Decimal) -> Leg:
    assert leg.side is not None
    assert leg.ratio is not None
    return Leg(leg.instrument, leg.side, leg.ratio, price)


def _refuse_duplicates(legs: Sequence[ReportedLeg]) -> None:
    for instrument, count in Counter(leg.instrument for leg in legs).items():
        if count > 1:
            raise DomainError("duplicate_leg", f"{instrument} occurs {count} times; use its ratio.", "/legs")


def _refuse_future(moment: datetime, now: datetime, pointer: str) -> None:
    if moment > now + CLOCK_SKEW:
        raise DomainError(
            "time_in_future", "This time has not come yet; report what has happened, check the engine's clock.", pointer
        )


def _refuse_negative_fees(fees: Decimal) -> None:
    if fees < 0:
        raise DomainError("negative_fees", "Fees are what the trade cost, 0 or more.", "/fees")


def _refuse_other_legs(reported: Sequence[ReportedLeg], legs: Sequence[Leg]) -> None:
    """Refuse legs that the trade does not have, or that say something else of them than the entry."""
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
                "leg_differs", f"Leg {found.instrument} differs from the entry; side, ratio and entry stay.", "/legs"
            )


def _leg_prices(
    instruments: Sequence[str], reported: Mapping[str, Decimal | None], total: Decimal | None, field: str
) -> dict[str, Decimal]:
    """Return a price for every instrument; a single leg may leave its own to the trade's."""
    prices: dict[str, Decimal] = {}
    for instrument in instruments:
        price = reported.get(instrument)
        if price is None and len(instruments) == 1:
            price = total
        if price is None:
            raise DomainError("price_missing", f"Leg {instrument} needs an {field}.", "/legs")
        if price < 0:
            raise DomainError("negative_price", f"The {field} of {instrument} is negative; prices are 0 or more.")
        prices[instrument] = price
    return prices


def _agreeing_price(legs: Sequence[Leg], prices: Mapping[str, Decimal], total: Decimal | None, field: str) -> Decimal:
    price = trade_price(legs, prices)
    _refuse_mismatch(total, price, f"/{field}")
    return price


def _refuse_mismatch(reported: Decimal | None, price: Decimal, pointer: str) -> None:
    if reported not in (None, price):
        raise DomainError("price_mismatch", f"The legs and quotes make {decimal_text(price)} here.", pointer)


def _quote_error(instrument: str, flag: QuoteFlag, pointer: str) -> DomainError:
    return DomainError(
        CODE_OF_FLAG[flag], f"The quote of {instrument} {ADVICE_OF_FLAG[flag]}.", f"{pointer}/{instrument}"
    )
