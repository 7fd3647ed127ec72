"""Storing what an engine recommends, and revealing its role only then (R7.4, R7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from experiments.models import ExecutionDecision, SignalDistribution
from kernel.errors import DomainError
from kernel.events import RECOMMENDATION_RECORDED
from outcomes.core.checks import Plan
from outcomes.models import Action, Recommendation, Role
from outcomes.services.settling import settle_declined
from outcomes.services.transactions import database_time, not_found
from policies.core import rules
from policies.models import Engine
from policies.selectors import open_halt

HOLD_OFF_HALTS = "LOCK TABLE halts IN SHARE MODE"


@dataclass(frozen=True, slots=True)
class RecommendationReport:
    """An engine's answer to one experiment; `recommendation` is JSON text exactly as sent (R7.5).

    `plan` is what it would trade, said before it knows its role, so that it cannot choose by it.
    """

    experiment_id: UUID
    context_hash: str
    action: str
    strategy_version: str
    rules_hash: str
    recommendation: str
    request_hash: str
    plan: Plan | None = None  # None: it declines


def record_recommendation(engine: str, report: RecommendationReport) -> tuple[Recommendation, bool]:
    """Store the recommendation and reveal the role; the flag says whether it is new (R7.4, R7.5).

    1. Lock the engine's distribution: two answers at once become a first and a repeat.
    2. Return the first answer for the same report; refuse a different one.
    3. Refuse a recommendation that was made from another context (R1.3).
    4. Reveal the role; only now, so that it cannot have shaped the recommendation.
    5. If it declines after the real trade's exit, settle that exit's directive, which has nothing to close.
    """
    own = {"experiment_id": report.experiment_id, "engine": engine}
    with transaction.atomic():
        # The recommendation cannot be locked before it exists; the distribution exists from the decision on.
        distribution = SignalDistribution.objects.select_for_update(no_key=True).filter(**own).first()
        if distribution is None:
            raise not_found()
        first = Recommendation.objects.filter(**own).first()
        if first is not None:
            if first.request_hash != report.request_hash:
                raise DomainError(
                    "conflict",
                    "A different recommendation is already stored for this experiment; the first counts.",
                )
            return first, False
        if report.context_hash != distribution.context_hash:
            raise DomainError(
                "context_mismatch",
                f"The experiment's context_hash is {distribution.context_hash}; read the assignment again.",
                "/context_hash",
            )
        recommendation = _store_with_role(engine, report)
        if recommendation.action == Action.DECLINE:
            settle_declined(engine, report.experiment_id, recommendation.recommended_at)
        SignalDistribution.objects.filter(pk=distribution.pk).update(answered_at=recommendation.recommended_at)
        # A rollback must leave no line in the log about an answer that was never stored.
        transaction.on_commit(
            lambda: RECOMMENDATION_RECORDED.log(
                experiment_id=str(recommendation.experiment_id),
                engine=recommendation.engine,
                action=recommendation.action,
                role=recommendation.role,
                reason=recommendation.role_reason,
            )
        )
    return recommendation, True


def _store_with_role(engine: str, report: RecommendationReport) -> Recommendation:
    """Store the recommendation with its role: REAL for the executed engine, unless trading is halted."""
    decision = ExecutionDecision.objects.select_related("policy_version").get(pk=report.experiment_id)
    role, reason, permit_ends = Role.SHADOW, decision.reason, None
    if decision.executed_engine == engine:
        with connection.cursor() as cursor:
            # A halt that is being engaged is waited for, and one that comes later waits for this role to
            # be committed: no halt is missed between looking and answering.
            cursor.execute(HOLD_OFF_HALTS)
        if open_halt() is None:
            role = Role.REAL
        else:
            reason = rules.halted.reason
    # After the wait for a halt, or a permit could be shortened by the wait.
    now = database_time()
    if role == Role.REAL and report.action == Action.OPEN:
        permit_ends = now + timedelta(seconds=decision.policy_version.permit_ttl_seconds)
    return Recommendation.objects.create(
        experiment_id=report.experiment_id,
        engine=engine,
        context_hash=report.context_hash,
        action=report.action,
        strategy_version=report.strategy_version,
        rules_hash=report.rules_hash,
        registered_rules_hash=Engine.objects.get(pk=engine).rules_hash,
        recommendation=report.recommendation,
        plan=None if report.plan is None else report.plan.document(),
        request_hash=report.request_hash,
        recommended_at=now,
        role=role,
        role_reason=reason,
        permit_expires_at=permit_ends,
    )
