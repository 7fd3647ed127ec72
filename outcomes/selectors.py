"""Reads for analysts and for the admin: a list of experiments, and everything that happened to one (R5.5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from experiments.core.explanation import EngineFacts, explain
from experiments.models import Experiment
from kernel.errors import DomainError
from outcomes.models import Outcome, RealTrade, Recommendation, ShadowTrade

# What `experiment_story` reads beside the experiment, in a query each.
STORY = (
    "recommendations",
    "permit",
    "distributions",
    "realtrades__outcomes",
    "shadowtrades__outcomes",
    "realtrades__fills",
    "shadowtrades__fills",
    "shadowtrades__own_exit",
    "exit_directives",
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
        Experiment.objects.select_related("signal__market_context", "decision")
        .prefetch_related(*STORY)
        .filter(pk=experiment_id)
        .first()
    )
    if found is None:
        raise DomainError("not_found", "Experiment not found.")
    return found


def by_engine(
    experiment: Experiment,
) -> dict[str, tuple[Recommendation | None, RealTrade | ShadowTrade | None, Outcome | None]]:
    """What each engine recommended, traded and earned; None for what it has not done (yet)."""
    recommendations = {r.engine: r for r in experiment.recommendations.all()}
    trades: dict[str, RealTrade | ShadowTrade] = {t.engine: t for t in experiment.shadowtrades.all()}
    trades |= {t.engine: t for t in experiment.realtrades.all()}
    return {
        engine: (recommendations.get(engine), trade := trades.get(engine), trade.outcome if trade else None)
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
        executed_engine=decision.executed_engine,
        inputs=decision.inputs,
        rules_version=decision.rules_version,
        engines=facts,
    )
