"""Booking a fill: what every execution goes through, whoever reported or priced it, and how a trade ends.

Positions, averages, P&L, fees and risk are computed from the stored fills each time; the trade's own columns are a
summary of them, so that lists need not add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from kernel.canonical import document_hash
from kernel.events import OUTCOME_RECORDED, TRADE_CLOSED, TRADE_FILLED
from kernel.values import decimal_text, parse_instant
from outcomes.core.books import Books, Schedule, keep_books
from outcomes.core.fills import Fill, LegFill, scheduled_fees
from outcomes.core.trades import Provenance, TradeFlag
from outcomes.models import (
    LIVE_STATUSES,
    Outcome,
    RealOutcome,
    RealTrade,
    ShadowOutcome,
    ShadowTrade,
    TradeFill,
    TradeStatus,
)

ZERO = Decimal(0)


@dataclass(frozen=True)
class NewFill:
    """One fill to be booked; `documents` are the legs as stored, with the quotes they came from."""

    ref: str
    time: datetime
    legs: Sequence[LegFill]
    provenance: str
    fees: Decimal = ZERO  # as reported; a shadow pays the schedule instead
    documents: Sequence[dict[str, Any]] | None = None  # None: those of `legs`
    reason: str = ""
    market_conditions: Mapping[str, Any] = field(default_factory=dict)
    request_hash: str = ""


def core_fill(row: TradeFill) -> Fill:
    """A stored fill for the pure functions."""
    return Fill(row.fill_ref, tuple(LegFill.from_document(leg) for leg in row.legs), row.fees)


def stored_fills(trade: RealTrade | ShadowTrade) -> list[TradeFill]:
    """The fills of a trade in the order in which they were stored."""
    return list(trade.fills.order_by("number"))


def books_of(trade: RealTrade | ShadowTrade, schedule: Schedule) -> Books:
    """The books of a trade that has a fill."""
    return keep_books([core_fill(row) for row in stored_fills(trade)], trade.multiplier, schedule)


def book_fill(trade: RealTrade | ShadowTrade, new: NewFill, schedule: Schedule, now: datetime) -> TradeFill:
    """Store one fill and bring the trade up to date; record its outcome once nothing is left (R5.1).

    The caller holds the experiment's lock. Raises `closes_more_than_open`.
    """
    earlier = stored_fills(trade)
    fill = Fill(new.ref, tuple(new.legs), new.fees)
    charged = scheduled_fees([fill], per_contract=schedule.per_contract, per_order=schedule.per_order)
    if isinstance(trade, ShadowTrade):
        fill = Fill(new.ref, tuple(new.legs), charged)
    books = keep_books([*map(core_fill, earlier), fill], trade.multiplier, schedule)
    conditions = dict(new.market_conditions)
    row = TradeFill.objects.create(
        real_trade=trade if isinstance(trade, RealTrade) else None,
        shadow_trade=trade if isinstance(trade, ShadowTrade) else None,
        experiment_id=trade.experiment_id,
        engine=trade.engine,
        number=len(earlier) + 1,
        fill_ref=new.ref,
        time=new.time,
        legs=list(new.documents if new.documents is not None else [leg.document() for leg in new.legs]),
        fees=fill.fees,
        scheduled_fees=charged,
        reason=new.reason,
        price_provenance=new.provenance,
        market_conditions=conditions,
        conditions_hash=document_hash(conditions),
        reported_at=now,
        request_hash=new.request_hash,
    )
    if not earlier:
        trade.entry_provenance = new.provenance
        trade.status = TradeStatus.OPEN
        trade.entry_due_at = None
    trade.entry_price = books.entry_price
    trade.risk_amount = books.risk_amount
    flag_if(trade, TradeFlag.ROLLED, books.is_rolled)
    flag_if(trade, TradeFlag.RISK_DIFFERS, trade.declared_risk not in (None, books.risk_amount))
    if books.is_flat:
        trade.status = TradeStatus.CLOSED
        trade.exit_price = books.exit_price
        trade.exit_time = new.time
        trade.exit_fees = books.fees - (earlier[0].fees if earlier else fill.fees)
        trade.exit_reason = new.reason or "OTHER"
        trade.exit_provenance = new.provenance
        trade.conditions_hash = row.conditions_hash
        trade.closed_at = now
    trade.save()
    transaction.on_commit(lambda: _log_fill(trade, row))
    if books.is_flat and TradeFlag.AFTER_REAL_EXIT not in trade.flags:
        _record_outcome(trade, books, now)
    return row


def end_unpriced(trade: RealTrade | ShadowTrade, at: ExitFacts, schedule: Schedule, now: datetime) -> None:
    """End a trade that nobody can price: counted and shown, never in a P&L."""
    trade.status = TradeStatus.UNPRICED
    trade.exit_time = at.time
    trade.exit_reason = at.reason
    trade.exit_provenance = Provenance.UNPRICED
    trade.conditions_hash = at.conditions_hash
    trade.exit_fees = ZERO
    trade.closed_at = now
    trade.save()
    if TradeFlag.AFTER_REAL_EXIT not in trade.flags:
        _record_outcome(trade, books_of(trade, schedule), now)


@dataclass(frozen=True)
class ExitFacts:
    """When and why a trade ended that has no closing fill."""

    time: datetime
    reason: str
    conditions_hash: str = ""


def flag_if(trade: RealTrade | ShadowTrade, flag: TradeFlag, holds: object) -> None:
    """Set or clear a flag; the caller saves."""
    flags = set(trade.flags)
    flags = flags | {flag.value} if holds else flags - {flag.value}
    trade.flags = sorted(flags)


def is_live(trade: RealTrade | ShadowTrade) -> bool:
    """Whether the trade is not closed yet."""
    return trade.status in LIVE_STATUSES


def entered_at(shadow: ShadowTrade) -> datetime:
    """When the shadow is in the market: a neutral entry is as late as the quotes that price it."""
    quotes = [leg["quote"]["quote_time"] for row in shadow.fills.filter(number=1) for leg in row.legs]
    return max([shadow.entry_time, *map(parse_instant, quotes)])


def _record_outcome(trade: RealTrade | ShadowTrade, books: Books, now: datetime) -> None:
    priced = trade.status == TradeStatus.CLOSED
    values: dict[str, Any] = {
        "experiment_id": trade.experiment_id,
        "engine": trade.engine,
        "entry_price": books.entry_price,
        "exit_price": books.exit_price if priced else None,
        "gross_pnl": books.gross_pnl if priced else None,
        "fees": books.fees,
        "scheduled_fees": books.scheduled_fees,
        "pnl": books.pnl if priced else None,
        "compared_pnl": books.compared_pnl if priced else None,
        "risk_amount": books.risk_amount,
        "currency": trade.currency,
        "exit_reason": trade.exit_reason,
        "price_provenance": trade.exit_provenance,
        "exit_time": trade.exit_time,
        "conditions_hash": trade.conditions_hash,
        "recorded_at": now,
    }
    outcome: Outcome
    if isinstance(trade, RealTrade):
        outcome = RealOutcome.objects.create(trade=trade, **values)
    else:
        outcome = ShadowOutcome.objects.create(trade=trade, **values)
    transaction.on_commit(lambda: _log_outcome(trade, outcome))


def _subject(trade: RealTrade | ShadowTrade) -> dict[str, str]:
    return {
        "experiment_id": str(trade.experiment_id),
        "engine": trade.engine,
        "kind": trade.kind,
        "trade_id": str(trade.pk),
    }


def _log_fill(trade: RealTrade | ShadowTrade, row: TradeFill) -> None:
    TRADE_FILLED.log(**_subject(trade), fill_ref=row.fill_ref, price_provenance=row.price_provenance)


def _log_outcome(trade: RealTrade | ShadowTrade, outcome: Outcome) -> None:
    TRADE_CLOSED.log(**_subject(trade), exit_reason=trade.exit_reason, status=trade.status)
    pnl = None if outcome.pnl is None else decimal_text(outcome.pnl)
    OUTCOME_RECORDED.log(**_subject(trade), pnl=pnl, price_provenance=outcome.price_provenance)
