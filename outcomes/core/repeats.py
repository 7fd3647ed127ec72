"""What a report means, whatever way it is written, so that a retry is known as one.

A retry may write 1.390 for 1.39, another zone, another spelling of a contract or another order of the legs, and say or
leave out what follows from the rest of the report: a default, the net of the legs' prices, the settlement's price, and
of a shadow the touch of its own quotes, at which alone it trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from kernel.canonical import MAX_SAFE_INTEGER, document_hash, double_of
from kernel.errors import DomainError
from kernel.values import format_timestamp, plain_text
from outcomes.core.amendments import AmendmentReport
from outcomes.core.books import LegFill, net_price
from outcomes.core.checks import read_settlements
from outcomes.core.quoting import canonical_instrument, quotes_by_instrument, read_price, read_quote_time
from outcomes.core.reports import ExitReport, FillReport, OpeningReport, ReportedLeg, ShadowExitReport

# Members that quotes and settlements have. Of any other, only its engine knows whether 1.390 is a number to it.
_PRICES = ("bid", "ask", "last", "price", "underlying")
_TIMES = ("quote_time", "settled_at")
R = TypeVar("R", ExitReport, ShadowExitReport)


def report_hash(
    report: OpeningReport | FillReport | ExitReport | ShadowExitReport | AmendmentReport, **defaults: Any
) -> str:
    """SHA-256 that recognises a repeated report by what it means; `defaults` are what members left out stand for."""
    said = {}
    kind: Any = type(report)
    for name in _members(kind):
        value = getattr(report, name)
        value = defaults.get(name) if value is None else value
        if isinstance(value, dict):
            # No quotes and no settlements are what is said by naming none.
            value = one_spelling({key: member for key, member in value.items() if member != {}})
        elif name == "legs" and value:
            value = sorted(value, key=lambda leg: (leg.instrument, leg.side or ""))
        said[name] = value
    return meaning_hash(said)


def plan_meaning(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A validated plan with its legs in one order, for `meaning_hash`."""
    return {**plan, "legs": sorted(plan["legs"], key=lambda leg: (leg["instrument"], leg["side"]))}


def opening_in_full(report: OpeningReport) -> OpeningReport:
    """With what follows from the rest: the price of a single leg both in it and beside it, and those named above."""
    quotes = quotes_by_instrument(report.entry_quotes) if report.kind == "SHADOW" else {}
    single = report.entry_price if len(report.legs) == 1 else None
    legs = []
    for leg in report.legs:
        price = single if leg.entry_price is None else leg.entry_price
        if price is None:
            price = _touch(quotes.get(leg.instrument), sells=leg.side == "SHORT")
        legs.append(replace(leg, entry_price=price))
    beside = report.entry_price
    if beside is None:
        beside = _net([(leg.instrument, leg.side, leg.ratio, leg.entry_price) for leg in legs])
    return replace(report, entry_price=beside, legs=tuple(legs))


def exit_in_full(report: R, opened: Sequence[Mapping[str, Any]], *, is_shadow: bool) -> R:
    """With what its legs may leave out because the opened ones say it, and what follows, as of an opening."""
    known = {leg["instrument"]: leg for leg in opened}
    named = {leg.instrument for leg in report.legs}
    said = list(report.legs)
    if named <= known.keys():
        said += [ReportedLeg(name) for name in known if name not in named]
    single = report.exit_price if len(said) == 1 or len(report.legs) == 1 else None
    implied = _implied(report.market_conditions, is_shadow=is_shadow)
    legs, parts = [], []
    for leg in said:
        # Ratio and entry price are the entry's, whatever is said of them here.
        entry = known.get(leg.instrument, {})
        side = leg.side or entry.get("side")
        price = leg.exit_price
        if price is None and (leg.instrument in named or len(said) == 1):
            price = single
        if price is None:
            price = implied(leg.instrument, side)
        # A leg without a price says nothing: what is open is closed, named or not.
        if price is not None:
            legs.append(ReportedLeg(leg.instrument, side, exit_price=price))
            parts.append((leg.instrument, side, entry.get("ratio"), price))
    beside = _net(parts) if report.exit_price is None else report.exit_price
    return replace(report, exit_price=beside, legs=tuple(legs))


def _implied(conditions: Mapping[str, Any], *, is_shadow: bool) -> Callable[[str, str | None], Decimal | None]:
    """The price that conditions give a leg which names none: its settlement's, and a shadow's the touch."""
    settled = read_settlements(conditions)
    quotes = quotes_by_instrument(conditions.get("quotes")) if is_shadow else {}

    def price(instrument: str, side: str | None) -> Decimal | None:
        if instrument in settled:
            return settled[instrument].price
        return _touch(quotes.get(instrument), sells=side == "LONG")

    return price


def _touch(quote: Any, *, sells: bool) -> Decimal | None:
    """At what a quote that was sent trades; None for what is none."""
    return read_price(quote.get("bid" if sells else "ask")) if isinstance(quote, dict) else None


def _net(parts: Sequence[tuple[str, str | None, int | None, Decimal | None]]) -> Decimal | None:
    """The net of instruments, sides, ratios and prices; None where one is unknown, or they have none."""
    legs = [
        LegFill(instrument, "OPEN", side, Decimal(ratio), price)
        for instrument, side, ratio, price in parts
        if side is not None and ratio is not None and price is not None
    ]
    if not legs or len(legs) < len(parts):
        return None
    try:
        return net_price(legs, tuple([(leg.key, int(leg.quantity)) for leg in legs]))
    except DomainError:
        # Too unequal in size: whoever books them says so.
        return None


def meaning_hash(values: Mapping[str, Any]) -> str:
    """SHA-256 that recognises a repeated request by what it means: 1.390 is 1.39, a default said is a default left out.

    `values` are the validated fields, with defaults filled in and instruments in their one spelling.
    """
    return document_hash(_meaning(values))


@cache
def _members(report: Any) -> tuple[str, ...]:
    return tuple(member.name for member in fields(report))


_WORDS: dict[type, Callable[[Any], str]] = {datetime: format_timestamp, Decimal: plain_text, UUID: str}


def _meaning(value: Any) -> Any:
    kind: Any = type(value)
    if kind is str:
        return value
    if kind is int and abs(value) > MAX_SAFE_INTEGER:
        # Whoever writes 1e22 as an integer means the same; what no double names is the same text with a point, too.
        return value if (named := double_of(value)) is None else named
    if (words := _WORDS.get(kind)) is not None:
        return words(value)
    if isinstance(value, dict):
        return {name: _meaning(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_meaning(item) for item in value]
    return {name: _meaning(getattr(value, name)) for name in _members(kind)} if is_dataclass(value) else value


def one_spelling(value: Any) -> Any:
    """Market conditions as sent, with the prices, times and instruments of quotes and settlements in one spelling each.

    For `meaning_hash` alone: what is stored, and hashed for the shadow, is what was sent.
    """
    if isinstance(value, list):
        return [one_spelling(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelled = {canonical_instrument(name): _spelled(name, member) for name, member in value.items()}
    if len(spelled) < len(value):
        # In two spellings: the canonical one counts, as where quotes are read.
        spelled |= {name: _spelled(name, value[name]) for name in spelled.keys() & value.keys()}
    return spelled


def _spelled(name: str, value: Any) -> Any:
    if name in _PRICES and (price := read_price(value)) is not None:
        return plain_text(price)
    if name in _TIMES:
        try:
            return format_timestamp(read_quote_time(value))
        except ValueError:
            # No time, so nothing but the same text is the same.
            return value
    return one_spelling(value)
