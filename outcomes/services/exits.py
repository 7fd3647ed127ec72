"""Closing a trade on its engine's report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from experiments.models import ExecutionDecision, SignalDistribution
from kernel.errors import DomainError
from kernel.hashing import document_hash
from outcomes.core.trade_reports import ExitReport, judge_exit, refuse_bad_quotes
from outcomes.models import Action, RealTrade, Recommendation, Role, ShadowTrade, TradeStatus
from outcomes.selectors import own_trade
from outcomes.services.closing import Closing, check_pair, close
from outcomes.services.experiment_lock import database_time, lock_experiment
from outcomes.services.incidents import conflicting_report, not_found, refusals_are_kept
from outcomes.services.shadow_exits import issue_directive


def close_trade(
    engine: str, trade_id: UUID, report: ExitReport, *, body: Any, request_hash: str
) -> tuple[RealTrade | ShadowTrade, bool]:
    """Close the engine's trade and tell whether that is new; exits are accepted while halted, too.

    1. Lock the experiment, so that a shadow that opens at this moment comes wholly before or after.
    2. Return the first exit for the same report; refuse another one and keep it.
    3. Refuse a shadow's own exit while it has to follow a real trade (R4.2).
    4. Judge times, legs and prices; write the exit and its outcome (R5.1).
    5. After a real exit order the shadow out, in this same transaction.
    6. Check the pair once both sides are closed (R4.5).
    """
    trade = own_trade(engine, trade_id)
    if trade is None:
        raise not_found()
    with refusals_are_kept(trade.experiment_id, engine, body), transaction.atomic():
        decision = lock_experiment(trade.experiment_id)
        trade.refresh_from_db()
        if trade.status != TradeStatus.OPEN:
            _refuse_other(trade, request_hash)
            return trade, False
        now = database_time()
        if isinstance(trade, ShadowTrade):
            _refuse_while_a_real_trade_may_come(decision, now)
            refuse_bad_quotes(report.market_conditions, report.exit_time)
        close(trade, _judged(trade, report, request_hash, now), now)
        if isinstance(trade, RealTrade):
            issue_directive(trade, decision.policy_version, now)
        check_pair(trade.experiment_id, now)
    return trade, True


def _judged(trade: RealTrade | ShadowTrade, report: ExitReport, request_hash: str, now: datetime) -> Closing:
    prices, price = judge_exit(report, trade.entered_legs, entry_time=trade.entry_time, now=now)
    return Closing(
        exit_time=report.exit_time,
        exit_reason=report.exit_reason,
        provenance=report.price_provenance or trade.entry_provenance,
        fees=report.fees,
        conditions_hash=document_hash(report.market_conditions),
        leg_prices=prices,
        exit_price=price,
        market_conditions=report.market_conditions,
        request_hash=request_hash,
    )


def _refuse_other(trade: RealTrade | ShadowTrade, request_hash: str) -> None:
    if trade.exit_request_hash == request_hash:
        return
    if not trade.exit_request_hash:
        # Not a contradiction: the real exit closed this shadow while its engine was reporting.
        raise DomainError("already_closed", "The real exit has closed this shadow trade already.")
    raise conflicting_report("conflict", "Another exit stands for this trade; the first one counts.")


def _refuse_while_a_real_trade_may_come(decision: ExecutionDecision, now: datetime) -> None:
    if _real_trade_may_come(decision, now):
        raise DomainError(
            "shadow_follows_real",
            "This shadow leaves when the real trade does; answer its exit directive, see GET exit-directives.",
        )


def _real_trade_may_come(decision: ExecutionDecision, now: datetime) -> bool:
    """Tell whether there is a real trade to follow, or can be one still."""
    executed = decision.executed_engine
    if executed is None:
        return False
    if RealTrade.objects.filter(experiment_id=decision.pk).exists():
        return True
    answer = Recommendation.objects.filter(experiment_id=decision.pk, engine=executed).first()
    if answer is None:
        return now <= _silence_ends_at(decision, executed)
    if answer.role == Role.SHADOW or answer.action == Action.DECLINE:
        return False
    assert answer.permit_expires_at is not None
    return now <= answer.permit_expires_at


def _silence_ends_at(decision: ExecutionDecision, executed: str) -> datetime:
    """Return until when a shadow waits for an executing engine that has not answered at all.

    A real trade later than that could not make a fair pair: it would be a LATE_ENTRY.
    """
    policy = decision.policy_version
    given = SignalDistribution.objects.get(experiment_id=decision.pk, engine=executed).distributed_at
    return given + timedelta(seconds=max(policy.permit_ttl_seconds, policy.entry_window_seconds))
