"""Storing what an engine recommends, and revealing its role only then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from experiments.models import DecisionReason, ExecutionDecision, SignalDistribution
from kernel.errors import DomainError
from kernel.events import RECOMMENDATION_RECORDED
from outcomes.models import Action, Recommendation, Role
from outcomes.services.experiment_lock import database_time
from outcomes.services.incidents import not_found
from outcomes.services.shadow_exits import end_without_shadow
from policies.selectors import open_halt

HOLD_OFF_HALTS = "LOCK TABLE halts IN SHARE MODE"


@dataclass(frozen=True, slots=True)
class RecommendationReport:
    """An engine's answer to one experiment; `recommendation` is JSON text exactly as sent (R7.5)."""

    experiment_id: UUID
    context_hash: str
    action: str
    strategy_version: str
    rules_hash: str
    recommendation: str
    request_hash: str


def record_recommendation(engine: str, report: RecommendationReport) -> tuple[Recommendation, bool]:
    """Store the recommendation, reveal the role and tell whether it is new (R7.4, R7.5).

    1. Lock the engine's distribution: two answers at once become a first and a repeat.
    2. Return the first answer for the same report; refuse another one.
    3. Refuse a recommendation that was made from another context (R1.3).
    4. Reveal the role; only now, so that it cannot have shaped the recommendation.
    5. When it declines after the real trade's exit, end that exit's directive, which has nothing to close.
    """
    with transaction.atomic():
        distribution = _lock_distribution(engine, report.experiment_id)
        first = Recommendation.objects.filter(experiment_id=report.experiment_id, engine=engine).first()
        if first is not None:
            _refuse_other(first, report)
            return first, False
        if report.context_hash != distribution.context_hash:
            raise DomainError(
                "context_mismatch",
                f"The experiment's context has the hash {distribution.context_hash}; read the assignment again.",
                "/context_hash",
            )
        recommendation = _store(engine, report)
        if recommendation.action == Action.DECLINE:
            end_without_shadow(engine, report.experiment_id, recommendation.recommended_at)
        SignalDistribution.objects.filter(pk=distribution.pk).update(answered_at=recommendation.recommended_at)
        transaction.on_commit(lambda: _log(recommendation))
    return recommendation, True


def _lock_distribution(engine: str, experiment_id: UUID) -> SignalDistribution:
    distribution = (
        SignalDistribution.objects.select_for_update(no_key=True)
        .filter(experiment_id=experiment_id, engine=engine)
        .first()
    )
    if distribution is None:
        raise not_found()
    return distribution


def _refuse_other(first: Recommendation, report: RecommendationReport) -> None:
    if first.request_hash != report.request_hash:
        raise DomainError("conflict", "Another recommendation stands for this experiment; the first one counts.")


def _store(engine: str, report: RecommendationReport) -> Recommendation:
    decision = ExecutionDecision.objects.select_related("policy_version").get(pk=report.experiment_id)
    role, reason = _reveal(engine, decision)
    now = database_time()
    permitted = role == Role.REAL and report.action == Action.OPEN
    return Recommendation.objects.create(
        experiment_id=report.experiment_id,
        engine=engine,
        context_hash=report.context_hash,
        action=report.action,
        strategy_version=report.strategy_version,
        rules_hash=report.rules_hash,
        recommendation=report.recommendation,
        request_hash=report.request_hash,
        recommended_at=now,
        role=role,
        role_reason=reason,
        permit_expires_at=now + timedelta(seconds=decision.policy_version.permit_ttl_seconds) if permitted else None,
    )


def _reveal(engine: str, decision: ExecutionDecision) -> tuple[Role, str]:
    """Return the engine's role and the reason: REAL for the executed engine, unless a halt holds."""
    if decision.executed_engine != engine:
        return Role.SHADOW, decision.reason
    with connection.cursor() as cursor:
        # A halt that is being engaged is waited for, and one that comes later waits for this role to
        # be committed: no halt is missed between looking and answering.
        cursor.execute(HOLD_OFF_HALTS)
    if open_halt() is not None:
        return Role.SHADOW, DecisionReason.HALTED
    return Role.REAL, decision.reason


def _log(recommendation: Recommendation) -> None:
    RECOMMENDATION_RECORDED.log(
        experiment_id=str(recommendation.experiment_id),
        engine=recommendation.engine,
        action=recommendation.action,
        role=recommendation.role,
        reason=recommendation.role_reason,
    )
