"""What was executed, and the quotes that priced it: for every page that shows fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from admin_kit.display import duration_text
from kernel.values import decimal_text, instant_text, parse_instant
from outcomes.core.books import LegFill, in_force
from outcomes.core.quoting import Quote, contract_text, quotes_by_instrument, read_quote
from outcomes.models import RealTrade, ShadowTrade, TradeFill

NAMED = "named by the engine"

# An admin model and an id.
Link = tuple[str, object]


@dataclass(frozen=True, slots=True)
class PriceSource:
    """Where a price came from: a quote with its age at the fill, or a settlement; `quote_id` of the neutral feed's."""

    name: str
    text: str
    age: str = ""
    quote_id: int | None = None

    @property
    def link(self) -> Link | None:
        """The stored quote."""
        return ("outcomes_quote", self.quote_id) if self.quote_id is not None else None


@dataclass(frozen=True, slots=True)
class LegRow:
    """One execution; `source` is None where nobody quoted it."""

    fill: LegFill
    source: PriceSource | None

    @property
    def contract(self) -> str:
        """The instrument as it is said; an option's symbol in words."""
        return contract_text(self.fill.instrument)


@dataclass(frozen=True, slots=True)
class FillRow:
    """One stored fill with its executions."""

    stored: TradeFill
    legs: list[LegRow]

    @property
    def link(self) -> Link:
        """The fill's own page."""
        return "outcomes_tradefill", self.stored.pk


def fill_rows(trade: RealTrade | ShadowTrade) -> list[FillRow]:
    """The fills of a trade that are in force."""
    return [
        FillRow(fill, list(leg_rows(fill.legs, fill.time, _named_quotes(trade, fill))))
        for fill in in_force(trade.fills.all())
    ]


def _named_quotes(trade: RealTrade | ShadowTrade, fill: TradeFill) -> Mapping[str, Any]:
    """What the engine itself said was quoted around a fill, by instrument."""
    return quotes_by_instrument(trade.entry_quotes if fill.number == 1 else fill.market_conditions.get("quotes"))


def leg_rows(documents: list[dict[str, Any]], moment: datetime, named: Mapping[str, Any]) -> Iterator[LegRow]:
    """Executions as stored, each with what priced it at a moment; `named` are the quotes the engine itself told."""
    for document in documents:
        leg = LegFill.from_document(document)
        yield LegRow(leg, _source(document, moment, named.get(leg.instrument)))


def _source(document: Mapping[str, Any], moment: datetime, named: object) -> PriceSource | None:
    if settlement := document.get("settlement"):
        underlying = f", underlying at {settlement['underlying']}" if "underlying" in settlement else ""
        settled_at = instant_text(parse_instant(settlement["settled_at"]))
        return PriceSource(settlement["kind"], f"{settlement['price']}{underlying}, settled {settled_at}")
    if quote := document.get("quote"):
        text = f"{quote['bid']} / {quote['ask']}"
        return PriceSource(
            quote["source"], text, age_at(parse_instant(quote["quote_time"]), moment), quote.get("quote_id")
        )
    if named is None:
        return None
    read = read_quote(named, moment, max_age=None, sells=True)
    if isinstance(read, Quote):
        text = f"{decimal_text(read.bid)} / {decimal_text(read.ask)}"
        return PriceSource(NAMED, text, age_at(read.quote_time, moment))
    return PriceSource(NAMED, read.words)


def age_at(quote_time: datetime, moment: datetime) -> str:
    """How old a quote was at a moment; that of an entry may be from just after it."""
    seconds = (moment - quote_time).total_seconds()
    if not seconds:
        return "0 s"
    return f"{duration_text(abs(seconds))} {'old' if seconds > 0 else 'later'}"


def in_r(pnl: Decimal | None, risk: Decimal | None) -> str | None:
    """P&L in units of the capital at risk; None without either, or where nothing was at risk."""
    return f"{pnl / risk:+.3f} R" if pnl is not None and risk else None
