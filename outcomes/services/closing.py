"""Closing a trade row, recording its outcome, checking its pair: what every exit does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from kernel.decimals import decimal_text
from kernel.events import OUTCOME_RECORDED, TRADE_CLOSED
from kernel.instants import format_timestamp
from outcomes.core.pairing import find_breaches
from outcomes.core.pricing import JudgedQuotes, profit_and_loss
from outcomes.models import (
    Outcome,
    PriceProvenance,
    RealOutcome,
    RealTrade,
    ShadowOutcome,
    ShadowTrade,
    TradeStatus,
    Violation,
)
from outcomes.selectors import find_pair


@dataclass(frozen=True, slots=True)
class Closing:
    """How one trade is closed; `leg_prices` and `exit_price` are None when nobody priced it."""

    exit_time: datetime
    exit_reason: str
    provenance: str
    fees: Decimal
    conditions_hash: str
    leg_prices: Mapping[str, Decimal] | None = None
    exit_price: Decimal | None = None
    quotes: JudgedQuotes | None = None  # that priced it
    market_conditions: dict[str, Any] | None = None  # None: those of the real exit
    request_hash: str = ""  # "": closed by the real exit, not by a report


def close(trade: RealTrade | ShadowTrade, closing: Closing, now: datetime) -> Outcome:
    """Write the exit and its outcome (R5.1); the caller holds the experiment's lock."""
    trade.status = TradeStatus.UNPRICED if closing.exit_price is None else TradeStatus.CLOSED
    trade.exit_price = closing.exit_price
    trade.exit_legs = _exit_legs(trade, closing)
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
    outcome = _record_outcome(trade, closing, now)
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


def _exit_legs(trade: RealTrade | ShadowTrade, closing: Closing) -> list[dict[str, Any]] | None:
    if closing.leg_prices is None:
        return None
    return [
        {"instrument": leg.instrument, "exit_price": decimal_text(closing.leg_prices[leg.instrument])}
        | _quote_document(closing.quotes, leg.instrument)
        for leg in trade.entered_legs
    ]


def _quote_document(quotes: JudgedQuotes | None, instrument: str) -> dict[str, str]:
    if quotes is None:
        return {}
    quote = quotes.usable[instrument]
    return {
        "bid": decimal_text(quote.bid),
        "ask": decimal_text(quote.ask),
        "quote_time": format_timestamp(quote.quote_time),
    }


def _record_outcome(trade: RealTrade | ShadowTrade, closing: Closing, now: datetime) -> Outcome:
    fees = trade.entry_fees + closing.fees
    pnl = None
    if closing.leg_prices is not None:
        pnl = profit_and_loss(
            trade.entered_legs,
            closing.leg_prices,
            quantity=trade.quantity,
            multiplier=trade.multiplier,
            fees=fees,
        )
    values = {
        "experiment_id": trade.experiment_id,
        "engine": trade.engine,
        "entry_price": trade.entry_price,
        "exit_price": closing.exit_price,
        "pnl": pnl,
        "fees": fees,
        "exit_reason": closing.exit_reason,
        "price_provenance": closing.provenance if pnl is not None else PriceProvenance.UNPRICED,
        "exit_time": closing.exit_time,
        "conditions_hash": closing.conditions_hash,
        "recorded_at": now,
    }
    if isinstance(trade, RealTrade):
        return RealOutcome.objects.create(trade=trade, **values)
    return ShadowOutcome.objects.create(trade=trade, **values)


def _log(trade: RealTrade | ShadowTrade, outcome: Outcome) -> None:
    facts = {
        "experiment_id": str(trade.experiment_id),
        "engine": trade.engine,
        "kind": trade.kind,
        "trade_id": str(trade.pk),
    }
    TRADE_CLOSED.log(**facts, exit_reason=trade.exit_reason, status=trade.status)
    pnl = None if outcome.pnl is None else decimal_text(outcome.pnl)
    OUTCOME_RECORDED.log(**facts, pnl=pnl, price_provenance=outcome.price_provenance)
