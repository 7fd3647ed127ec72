"""Reads of what the engines did: their own trades, their pending exits, the pair of an experiment."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from experiments.models import Experiment
from outcomes.core.pairing import Pair, PairedTrade
from outcomes.core.pricing import profit_and_loss
from outcomes.models import (
    DirectiveState,
    ExitDirective,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeStatus,
)


def own_trade(engine: str, trade_id: UUID) -> RealTrade | ShadowTrade | None:
    """Return the engine's trade; None when there is none or it is the other engine's."""
    real = RealTrade.objects.filter(pk=trade_id, engine=engine).first()
    return real or ShadowTrade.objects.filter(pk=trade_id, engine=engine).first()


def snapshot_instruments(trade: RealTrade | ShadowTrade) -> list[str]:
    """Return which instruments the executing engine is to quote in its exit: the shadow's, as it opens them.

    Empty for a shadow trade: what the other engine trades is none of its business.
    """
    if trade.kind == Role.SHADOW:
        return []
    shadows = ShadowTrade.objects.filter(experiment_id=trade.experiment_id)
    return sorted({leg.instrument for shadow in shadows for leg in shadow.entered_legs})


def pending_directives(engine: str, now: datetime) -> QuerySet[ExitDirective]:
    """Return the exits this engine's open shadow trades have to price still, oldest first (R4.2)."""
    return (
        ExitDirective.objects.filter(
            shadow_engine=engine,
            state=DirectiveState.PENDING,
            shadow_trade__status=TradeStatus.OPEN,
            expires_at__gt=now,
        )
        .select_related("shadow_trade")
        .order_by("id")
    )


def find_pair(experiment_id: UUID) -> Pair | None:
    """Return real and shadow trade of an experiment for the checks of R4.5; None until both are closed."""
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
        exit_instruments=None if exits is None else frozenset(leg["instrument"] for leg in exits),
        stored_pnl=trade.outcome.pnl,
        recomputed_pnl=_recomputed_pnl(trade),
    )


def _recomputed_pnl(trade: RealTrade | ShadowTrade) -> Decimal | None:
    """Return the net P&L from the stored trade alone; None when an exit price is missing."""
    exit_prices = {leg["instrument"]: Decimal(leg["exit_price"]) for leg in trade.exit_legs or ()}
    legs = trade.entered_legs
    if any(leg.instrument not in exit_prices for leg in legs):
        return None
    fees = trade.entry_fees + (trade.exit_fees or Decimal(0))
    return profit_and_loss(legs, exit_prices, quantity=trade.quantity, multiplier=trade.multiplier, fees=fees)
