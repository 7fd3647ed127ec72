"""Opening and closing trades on their engines' reports (R3.5, R4.1, R5.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from experiments.models import ExecutionDecision, SignalDistribution
from kernel.canonical import document_hash
from kernel.errors import DomainError
from kernel.events import SHADOW_TRADE_CREATED, TRADE_OPENED
from kernel.values import format_timestamp
from outcomes.core.trade_reports import ExitReport, OpeningReport, judge_exit, judge_opening, refuse_bad_quotes
from outcomes.models import (
    Action,
    ExitDirective,
    IncidentKind,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeStatus,
)
from outcomes.services.exits import TradeExit, check_pair, store_exit
from outcomes.services.shadow_exits import follow_directive, issue_directive
from outcomes.services.transactions import (
    RefusedReportError,
    conflicting_report,
    database_time,
    double_execution,
    not_found,
    report_transaction,
)
from policies.models import Engine
from signals_app.alerts.documents import trade_id


def own_trade(engine: str, trade_id: UUID) -> RealTrade | ShadowTrade:
    """The engine's trade; raise `not_found`, for a trade of the other engine, too."""
    for table in (RealTrade, ShadowTrade):
        trade = table.objects.filter(pk=trade_id, engine=engine).first()
        if trade is not None:
            return trade
    raise not_found()


def open_trade(
    engine: str, report: OpeningReport, *, body: Any, request_hash: str
) -> tuple[RealTrade | ShadowTrade, bool]:
    """Store a trade that the engine opened; the flag says whether it is new.

    1. Lock the experiment, so that the real exit comes wholly before or after.
    2. Refuse what the engine's role forbids; a forbidden real trade is kept as an incident (R3.5).
    3. Return the first trade for the same report; refuse a different one and keep it.
    4. Judge legs, prices, times and the permit; store the trade with its experiment (R4.4).
    5. Close a shadow that comes after the real exit immediately.
    """
    if not SignalDistribution.objects.filter(experiment_id=report.experiment_id, engine=engine).exists():
        raise not_found()
    with report_transaction(report.experiment_id, engine, body) as decision:
        recommendation = permitting_recommendation(engine, report, decision)
        table = RealTrade if report.kind == Role.REAL else ShadowTrade
        first = table.objects.filter(experiment_id=report.experiment_id, engine=engine).first()
        if first is not None:
            if first.request_hash != request_hash:
                raise conflicting_report("A different trade is already stored for this experiment; the first counts.")
            return first, False
        now = database_time()
        legs, entry_price = judge_opening(report, now)
        _refuse_late(report, recommendation)
        trade = table.objects.create(
            trade_id=trade_id(report.experiment_id, engine, report.kind),
            experiment_id=report.experiment_id,
            engine=engine,
            legs=[leg.document() for leg in legs],
            quantity=report.quantity,
            multiplier=report.multiplier,
            entry_price=entry_price,
            entry_time=report.entry_time,
            entry_fees=report.fees,
            entry_provenance=report.price_provenance,
            rules_hash=Engine.objects.get(pk=engine).rules_hash,
            request_hash=request_hash,
            opened_at=now,
        )
        transaction.on_commit(lambda: _log_opened(trade))
        if isinstance(trade, ShadowTrade):
            follow_directive(trade, now)
    return trade, True


def close_trade(
    engine: str, trade_id: UUID, report: ExitReport, *, body: Any, request_hash: str
) -> tuple[RealTrade | ShadowTrade, bool]:
    """Close the engine's trade; the flag says whether that is new. Exits are accepted while halted, too.

    1. Lock the experiment, so that a shadow that opens at this moment comes wholly before or after.
    2. Return the first exit for the same report; refuse a different one and keep it.
    3. Refuse a shadow's own exit while it has to follow a real trade (R4.2).
    4. Judge times, legs and prices; store the exit and its outcome (R5.1).
    5. After a real exit, direct the shadow to exit, in this same transaction.
    6. Check the pair once both sides are closed (R4.5).
    """
    trade = own_trade(engine, trade_id)
    with report_transaction(trade.experiment_id, engine, body) as decision:
        trade.refresh_from_db()
        if trade.status != TradeStatus.OPEN:
            if trade.exit_request_hash == request_hash:
                return trade, False
            if not trade.exit_request_hash:
                # No contradiction: the real exit closed this shadow while its engine was reporting.
                raise DomainError("already_closed", "The real exit has already closed this shadow trade.")
            raise conflicting_report("A different exit is already stored for this trade; the first counts.")
        now = database_time()
        if isinstance(trade, ShadowTrade):
            if real_trade_may_come(decision, now):
                raise DomainError(
                    "shadow_follows_real",
                    "This shadow trade exits when the real trade does; answer its directive, see GET exit-directives.",
                )
            refuse_bad_quotes(report.market_conditions, report.exit_time)
        prices, price = judge_exit(report, trade.entered_legs, entry_time=trade.entry_time, now=now)
        closing = TradeExit(
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
        store_exit(trade, closing, now)
        if isinstance(trade, RealTrade):
            issue_directive(trade, decision.policy_version, now)
        check_pair(trade.experiment_id, now)
    return trade, True


def permitting_recommendation(engine: str, report: OpeningReport, decision: ExecutionDecision) -> Recommendation:
    """The engine's recommendation, if the role it revealed allows this kind of trade."""
    real = report.kind == Role.REAL
    if real and decision.executed_engine != engine:
        raise double_execution(engine)
    recommendation = Recommendation.objects.filter(experiment_id=report.experiment_id, engine=engine).first()
    if recommendation is None:
        code, detail = "not_recommended", "Send a recommendation first; its answer says whether to trade for real."
    elif recommendation.action == Action.DECLINE:
        code, detail = "declined", "This engine declined the experiment, so it cannot trade it."
    elif real and recommendation.role != Role.REAL:
        raise double_execution(engine)
    elif not real and recommendation.role != Role.SHADOW:
        raise DomainError("role_mismatch", "This engine trades this experiment for real; report kind REAL.", "/kind")
    else:
        return recommendation
    if real:
        raise RefusedReportError(code, detail, incident_kind=IncidentKind.UNPERMITTED_REAL_TRADE)
    raise DomainError(code, detail)


def real_trade_may_come(decision: ExecutionDecision, now: datetime) -> bool:
    """Whether there is a real trade for a shadow to follow, or can still be one."""
    executed = decision.executed_engine
    if executed is None:
        return False
    if RealTrade.objects.filter(experiment_id=decision.pk).exists():
        return True
    answer = Recommendation.objects.filter(experiment_id=decision.pk, engine=executed).first()
    if answer is None:
        # The executing engine is silent. A real trade later than this would be a LATE_ENTRY, so no fair pair.
        policy = decision.policy_version
        distributed = SignalDistribution.objects.get(experiment_id=decision.pk, engine=executed).distributed_at
        return now <= distributed + timedelta(seconds=max(policy.permit_ttl_seconds, policy.entry_window_seconds))
    if answer.role == Role.SHADOW or answer.action == Action.DECLINE:
        return False
    assert answer.permit_expires_at is not None
    return now <= answer.permit_expires_at


def _refuse_late(report: OpeningReport, recommendation: Recommendation) -> None:
    """Refuse a real trade after its permit, and a shadow that entered after the real exit."""
    permit_ends = recommendation.permit_expires_at
    if permit_ends is not None and report.entry_time > permit_ends:
        raise RefusedReportError(
            "permit_expired",
            f"The permit for a real trade expired at {format_timestamp(permit_ends)}; close the position.",
            incident_kind=IncidentKind.PERMIT_EXPIRED,
        )
    directive = ExitDirective.objects.filter(experiment_id=report.experiment_id).first()
    if directive is not None and report.entry_time > directive.exit_time:
        raise DomainError(
            "entry_after_real_exit",
            "entry_time is after the real trade's exit, so the two cannot be compared.",
            "/entry_time",
        )


def _log_opened(trade: RealTrade | ShadowTrade) -> None:
    subject = {"experiment_id": str(trade.experiment_id), "engine": trade.engine}
    if isinstance(trade, RealTrade):
        TRADE_OPENED.log(**subject, trade_id=str(trade.pk))
    else:
        SHADOW_TRADE_CREATED.log(**subject, shadow_trade_id=str(trade.pk))
