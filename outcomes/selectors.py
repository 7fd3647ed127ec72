"""Reads of what the engines did: for the engines themselves, for the checks of pairs, for analysts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from experiments.core.explanation import EngineFacts, explain
from experiments.models import Experiment
from kernel.errors import DomainError
from outcomes.core.pairing import Pair, PairedTrade
from outcomes.models import (
    DirectiveState,
    ExitDirective,
    Outcome,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    Trade,
    TradeStatus,
)

# What `experiment_story` reads beside the experiment, in a query each.
STORY = (
    "recommendations",
    "distributions",
    "realtrades__outcome",
    "shadowtrades__outcome",
    "incidents",
    "violations",
)
# Query parameters and the columns that they filter.
FILTERS = {
    "symbol": "signal__symbol",
    "direction": "signal__direction",
    "timeframe": "signal__timeframe",
    "variant": "variant",
    "execution_mode": "decision__execution_mode",
    "executed_engine": "decision__executed_engine",
    "reason": "decision__reason",
    "policy_version": "policy_version_id",
    "since": "created_at__gte",
    "until": "created_at__lt",
}


def own_trade(engine: str, trade_id: UUID) -> RealTrade | ShadowTrade | None:
    """The engine's trade; None if it does not exist or belongs to the other engine."""
    real = RealTrade.objects.filter(pk=trade_id, engine=engine).first()
    return real or ShadowTrade.objects.filter(pk=trade_id, engine=engine).first()


def snapshot_instruments(trade: RealTrade | ShadowTrade) -> list[str]:
    """The instruments that the executing engine is to quote in its exit: those of the shadow, as it opens them.

    Empty for a shadow trade: it must not learn what the other engine trades.
    """
    if trade.kind == Role.SHADOW:
        return []
    shadows = ShadowTrade.objects.filter(experiment_id=trade.experiment_id)
    return sorted({leg.instrument for shadow in shadows for leg in shadow.entered_legs})


def pending_directives(engine: str, now: datetime) -> QuerySet[ExitDirective]:
    """The exits that this engine's open shadow trades have yet to price, oldest first (R4.2)."""
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


def experiments(filters: dict[str, Any]) -> QuerySet[Experiment]:
    """Experiments with signal and decision, newest first; `filters` by the names of FILTERS."""
    conditions = {FILTERS[name]: value for name, value in filters.items()}
    return (
        Experiment.objects.filter(**conditions)
        .select_related("signal", "decision")
        .order_by("-created_at", "experiment_id")
    )


def experiment_story(experiment_id: UUID) -> Experiment:
    """One experiment with everything that happened to it; raise `not_found`."""
    found = (
        Experiment.objects.select_related("signal__market_context", "decision", "exit_directive")
        .prefetch_related(*STORY)
        .filter(pk=experiment_id)
        .first()
    )
    if found is None:
        raise DomainError("not_found", "Experiment not found.")
    return found


def by_engine(experiment: Experiment) -> dict[str, tuple[Recommendation | None, Trade | None, Outcome | None]]:
    """What each engine recommended, traded and earned; None for what it has not done (yet)."""
    recommendations = {r.engine: r for r in experiment.recommendations.all()}
    trades: dict[str, Trade] = {t.engine: t for t in experiment.shadowtrades.all()}
    trades |= {t.engine: t for t in experiment.realtrades.all()}
    return {
        engine: (recommendations.get(engine), trade := trades.get(engine), getattr(trade, "outcome", None))
        for engine in ("A", "B")
    }


def explanation_of(experiment: Experiment) -> str:
    """One sentence: who traded for real, why, and what the other engine did (R5.5)."""
    decision = experiment.decision
    facts = {}
    for engine, (recommendation, trade, _) in by_engine(experiment).items():
        facts[engine] = EngineFacts(
            action=recommendation.action if recommendation else None,
            role=recommendation.role if recommendation else None,
            role_reason=recommendation.role_reason if recommendation else None,
            traded=trade is not None,
        )
    return explain(
        execution_mode=decision.execution_mode,
        executed_engine=decision.executed_engine,
        reason=decision.reason,
        inputs=decision.inputs,
        engines=facts,
    )
