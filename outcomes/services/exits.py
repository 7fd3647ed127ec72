"""Storing an exit: what every trade goes through when it closes, whoever closes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from experiments.models import Experiment
from kernel.events import OUTCOME_RECORDED, TRADE_CLOSED
from kernel.values import decimal_text, format_timestamp
from outcomes.core.trades import JudgedQuotes, Leg, Pair, PairedTrade, find_breaches
from outcomes.models import (
    Outcome,
    PriceProvenance,
    RealOutcome,
    RealTrade,
    Recommendation,
    ShadowOutcome,
    ShadowTrade,
    TradeStatus,
    Violation,
)


@dataclass(frozen=True, slots=True)
class TradeExit:
    """How one trade is closed; `leg_prices` and `exit_price` are None when nobody priced it."""

    exit_time: datetime
    exit_reason: str
    provenance: str
    fees: Decimal
    conditions_hash: str
    leg_prices: Mapping[str, Decimal] | None = None
    exit_price: Decimal | None = None
    quotes: JudgedQuotes | None = None  # None: priced by the engine, not by quotes
    market_conditions: dict[str, Any] | None = None  # None: those of the real exit
    request_hash: str = ""  # "": closed by the real exit, not by a report

    def leg_documents(self, legs: Sequence[Leg]) -> list[dict[str, Any]] | None:
        """The exit price of every leg as stored, with the quote it comes from; None when nobody priced it."""
        if self.leg_prices is None:
            return None
        documents = []
        for leg in legs:
            price = decimal_text(self.leg_prices[leg.instrument])
            document = {"instrument": leg.instrument, "exit_price": price}
            if self.quotes is not None:
                quote = self.quotes.usable[leg.instrument]
                document |= {
                    "bid": decimal_text(quote.bid),
                    "ask": decimal_text(quote.ask),
                    "quote_time": format_timestamp(quote.quote_time),
                }
            documents.append(document)
        return documents


def store_exit(trade: RealTrade | ShadowTrade, closing: TradeExit, now: datetime) -> Outcome:
    """Close the trade and record its outcome (R5.1); the caller holds the experiment's lock."""
    trade.status = TradeStatus.UNPRICED if closing.exit_price is None else TradeStatus.CLOSED
    trade.exit_price = closing.exit_price
    trade.exit_legs = closing.leg_documents(trade.entered_legs)
    trade.exit_time = closing.exit_time
    trade.exit_fees = closing.fees
    trade.exit_reason = closing.exit_reason
    trade.exit_provenance = closing.provenance
    trade.market_conditions = closing.market_conditions
    trade.conditions_hash = closing.conditions_hash
    trade.exit_request_hash = closing.request_hash
    trade.closed_at = now
    trade.save(
        update_fields=(
            "status", "exit_price", "exit_legs", "exit_time", "exit_fees", "exit_reason", "exit_provenance",
            "market_conditions", "conditions_hash", "exit_request_hash", "closed_at",
        )
    )  # fmt: skip
    pnl = trade.pnl_at(closing.leg_prices or {}, closing.fees)
    values = {
        "experiment_id": trade.experiment_id,
        "engine": trade.engine,
        "entry_price": trade.entry_price,
        "exit_price": closing.exit_price,
        "pnl": pnl,
        "fees": trade.entry_fees + closing.fees,
        "exit_reason": closing.exit_reason,
        "price_provenance": PriceProvenance.UNPRICED if pnl is None else closing.provenance,
        "exit_time": closing.exit_time,
        "conditions_hash": closing.conditions_hash,
        "recorded_at": now,
    }
    outcome: Outcome
    if isinstance(trade, RealTrade):
        outcome = RealOutcome.objects.create(trade=trade, **values)
    else:
        outcome = ShadowOutcome.objects.create(trade=trade, **values)
    transaction.on_commit(lambda: _log(trade, outcome))
    return outcome


def check_pair(experiment_id: UUID, now: datetime) -> None:
    """Store which rules of R4.5 the pair broke, once both of its trades are closed."""
    pair = find_pair(experiment_id)
    if pair is None:
        return
    violations = [
        Violation(experiment_id=experiment_id, engine=found.engine, name=found.name, detail=found.detail, found_at=now)
        for found in find_breaches(pair)
    ]
    Violation.objects.bulk_create(violations, ignore_conflicts=True)


def find_pair(experiment_id: UUID) -> Pair | None:
    """The real and the shadow trade of an experiment for the checks of R4.5; None until both are closed."""
    real = RealTrade.objects.filter(experiment_id=experiment_id).exclude(status=TradeStatus.OPEN).first()
    if real is None:
        return None
    shadow = ShadowTrade.objects.filter(experiment_id=experiment_id).exclude(status=TradeStatus.OPEN).first()
    if shadow is None:
        return None
    experiment = Experiment.objects.select_related("signal__market_context", "policy_version").get(pk=experiment_id)
    return Pair(
        context_hash=experiment.signal.market_context.context_hash,
        entry_window_seconds=experiment.policy_version.entry_window_seconds,
        real=_paired(real),
        shadow=_paired(shadow),
    )


def _paired(trade: RealTrade | ShadowTrade) -> PairedTrade:
    recommendation = Recommendation.objects.get(experiment_id=trade.experiment_id, engine=trade.engine)
    exits = trade.exit_legs
    exit_prices = {leg["instrument"]: Decimal(leg["exit_price"]) for leg in exits or ()}
    assert trade.exit_time is not None
    return PairedTrade(
        engine=trade.engine,
        context_hash=recommendation.context_hash,
        recommended_rules_hash=recommendation.rules_hash,
        registered_rules_hash=trade.rules_hash,
        entry_time=trade.entry_time,
        exit_time=trade.exit_time,
        conditions_hash=trade.conditions_hash,
        entry_instruments=frozenset(leg.instrument for leg in trade.entered_legs),
        exit_instruments=None if exits is None else frozenset(exit_prices),
        stored_pnl=trade.outcome.pnl,
        # From the stored trade alone, so that it checks what was recorded at the exit.
        recomputed_pnl=trade.pnl_at(exit_prices, trade.exit_fees or Decimal(0)),
    )


def _log(trade: RealTrade | ShadowTrade, outcome: Outcome) -> None:
    subject = {
        "experiment_id": str(trade.experiment_id),
        "engine": trade.engine,
        "kind": trade.kind,
        "trade_id": str(trade.pk),
    }
    TRADE_CLOSED.log(**subject, exit_reason=trade.exit_reason, status=trade.status)
    pnl = None if outcome.pnl is None else decimal_text(outcome.pnl)
    OUTCOME_RECORDED.log(**subject, pnl=pnl, price_provenance=outcome.price_provenance)
