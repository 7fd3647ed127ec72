"""What the page of one trade shows, derived from its fills and from what was found out about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from admin_kit.display import duration_text
from kernel.values import decimal_text, instant_text, parse_instant, plain_text
from outcomes.core.books import (
    LegFill,
    in_force,
    result_in_force,
)
from outcomes.core.quoting import Quote, QuoteFlag, quotes_by_instrument, read_quote
from outcomes.core.trades import PairRule, TradeFlag
from outcomes.models import (
    ExitDirective,
    Outcome,
    OwnExit,
    Permit,
    RealTrade,
    Recommendation,
    ShadowTrade,
    TradeAmendment,
    TradeFill,
    Violation,
)
from outcomes.selectors import missing_rows

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


@dataclass(frozen=True, slots=True)
class FillRow:
    """One stored fill with its executions."""

    stored: TradeFill
    legs: list[LegRow]

    @property
    def link(self) -> Link:
        """The fill's own page."""
        return "outcomes_tradefill", self.stored.pk


@dataclass(frozen=True, slots=True)
class Remark:
    """A flag or a violation: its code, what it means, and what was found."""

    code: str
    words: str
    detail: str = ""
    engine: str = ""


@dataclass(frozen=True, slots=True)
class DirectiveRow:
    """One exit directive; `quotes` names each quote that could not price it, and why."""

    stored: ExitDirective
    share: str
    legs: list[str]
    quotes: list[str]

    @property
    def link(self) -> Link:
        """The directive's own page."""
        return "outcomes_exitdirective", self.stored.pk


@dataclass(frozen=True, slots=True)
class TradePage:
    """Everything the page shows beside the trade itself; None for what there is not (yet)."""

    missing: list[str]  # deleted behind the product's back
    links: list[tuple[str, Link]]
    permit: Permit | None  # also None of a shadow
    outcome: Outcome | None
    r: str | None
    fills: list[FillRow]
    flags: list[Remark]
    violations: list[Remark]
    directives: list[DirectiveRow]
    amendments: list[TradeAmendment]
    own_exit: OwnExit | None
    own_r: str | None
    own_legs: list[LegRow]


def trade_page(trade: RealTrade | ShadowTrade) -> TradePage:
    """The page of a stored trade."""
    outcome: Outcome | None = result_in_force(trade.outcomes.all())
    own: OwnExit | None = getattr(trade, "own_exit", None)
    answer = Recommendation.objects.only("pk").filter(experiment_id=trade.experiment_id, engine=trade.engine).first()
    kind = trade.kind.value.lower()
    return TradePage(
        missing=missing_rows(trade.experiment_id),
        permit=Permit.objects.filter(pk=trade.experiment_id, engine=trade.engine).first(),
        links=[
            ("Experiment", ("experiments_experiment", trade.experiment_id)),
            *([("Recommendation", ("outcomes_recommendation", answer.pk))] if answer else []),
            *([("Outcome", (f"outcomes_{kind}outcome", outcome.pk))] if outcome else []),
        ],
        outcome=outcome,
        r=in_r(outcome.pnl, outcome.risk_amount) if outcome else None,
        fills=[
            FillRow(fill, list(_legs(fill.legs, fill.time, _named_quotes(trade, fill))))
            for fill in in_force(trade.fills.all())
        ],
        flags=[Remark(code, TradeFlag(code).words) for code in trade.flags],
        violations=[
            Remark(found.name, PairRule(found.name).words, found.detail, found.engine)
            for found in Violation.objects.filter(experiment_id=trade.experiment_id).order_by("id")
        ],
        directives=[_directive(directive) for directive in trade.exit_directives.order_by("number")],
        amendments=list(trade.amendments.order_by("id")),
        own_exit=own,
        own_r=in_r(own.pnl, trade.risk_amount) if own else None,
        own_legs=list(_legs(own.legs or [], own.exit_time, {})) if own else [],
    )


def in_r(pnl: Decimal | None, risk: Decimal | None) -> str | None:
    """P&L in units of the capital at risk; None without either, or where nothing was at risk."""
    return f"{pnl / risk:+.3f} R" if pnl is not None and risk else None


def _named_quotes(trade: RealTrade | ShadowTrade, fill: TradeFill) -> Mapping[str, Any]:
    """What the engine itself said was quoted around a fill, by instrument."""
    return quotes_by_instrument(trade.entry_quotes if fill.number == 1 else fill.market_conditions.get("quotes"))


def _legs(documents: list[dict[str, Any]], moment: datetime, named: Mapping[str, Any]) -> Iterator[LegRow]:
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


def _directive(directive: ExitDirective) -> DirectiveRow:
    share = f"{plain_text(directive.closed_quantity)} of {plain_text(directive.open_quantity)}"
    return DirectiveRow(
        stored=directive,
        share="all that is left" if directive.is_last else share,
        legs=[
            f"{plain_text(Decimal(leg['quantity']))} {leg['side']} {leg['instrument']}"
            for leg in directive.closing_legs or []
        ],
        quotes=[f"{instrument}: {QuoteFlag(flag).words}" for instrument, flag in directive.quote_flags.items()],
    )
