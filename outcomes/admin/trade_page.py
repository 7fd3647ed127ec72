"""What the page of one trade shows, derived from its fills and from what was found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from kernel.values import plain_text
from outcomes.core.books import result_in_force
from outcomes.core.quoting import QuoteFlag, contract_text
from outcomes.core.trades import PairRule, TradeFlag
from outcomes.fill_rows import FillRow, LegRow, Link, fill_rows, in_r, leg_rows
from outcomes.models import (
    ExitDirective,
    Outcome,
    OwnExit,
    Permit,
    RealTrade,
    Recommendation,
    ShadowTrade,
    TradeAmendment,
    Violation,
)
from outcomes.selectors import missing_rows


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
        fills=fill_rows(trade),
        flags=[Remark(code, TradeFlag(code).words) for code in trade.flags],
        violations=[
            Remark(found.name, PairRule(found.name).words, found.detail, found.engine)
            for found in Violation.objects.filter(experiment_id=trade.experiment_id).order_by("id")
        ],
        directives=[_directive(directive) for directive in trade.exit_directives.order_by("number")],
        amendments=list(trade.amendments.order_by("id")),
        own_exit=own,
        own_r=in_r(own.pnl, trade.risk_amount) if own else None,
        own_legs=list(leg_rows(own.legs or [], own.exit_time, {})) if own else [],
    )


def _directive(directive: ExitDirective) -> DirectiveRow:
    share = f"{plain_text(directive.closed_quantity)} of {plain_text(directive.open_quantity)}"
    return DirectiveRow(
        stored=directive,
        share="all that is left" if directive.is_last else share,
        legs=[
            f"{plain_text(Decimal(leg['quantity']))} {leg['side']} {contract_text(leg['instrument'])}"
            for leg in directive.closing_legs or []
        ],
        quotes=[
            f"{contract_text(instrument)}: {QuoteFlag(flag).words}"
            for instrument, flag in directive.quote_flags.items()
        ],
    )
