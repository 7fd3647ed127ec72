"""Opening trades: real ones by the engine that may, shadow ones by the other (R3.5, R4.1)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from experiments.models import ExecutionDecision, SignalDistribution
from kernel.errors import DomainError
from kernel.events import SHADOW_TRADE_CREATED, TRADE_OPENED
from outcomes.core.pricing import Leg
from outcomes.core.trade_reports import OpeningReport, judge_opening
from outcomes.errors import RefusedReportError
from outcomes.models import (
    Action,
    ExitDirective,
    IncidentKind,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
)
from outcomes.services.experiment_lock import database_time, lock_experiment
from outcomes.services.incidents import conflicting_report, double_execution, not_found, refusals_are_kept
from outcomes.services.shadow_exits import follow_standing_directive
from policies.models import Engine
from signals_app.alerts.identity import trade_id


def open_trade(
    engine: str, report: OpeningReport, *, body: Any, request_hash: str
) -> tuple[RealTrade | ShadowTrade, bool]:
    """Store a trade the engine has opened and tell whether it is new.

    1. Lock the experiment, so that the real exit comes wholly before or after.
    2. Refuse what the engine's role forbids; a forbidden real trade is kept as an incident (R3.5).
    3. Return the first trade for the same report; refuse another one and keep it.
    4. Judge legs, prices, times and the permit; store the trade with its experiment (R4.4).
    5. Close a shadow at once that comes after the real exit.
    """
    if not SignalDistribution.objects.filter(experiment_id=report.experiment_id, engine=engine).exists():
        raise not_found()
    with refusals_are_kept(report.experiment_id, engine, body), transaction.atomic():
        decision = lock_experiment(report.experiment_id)
        recommendation = _permitted(engine, report, decision)
        table = RealTrade if report.kind == Role.REAL else ShadowTrade
        first = table.objects.filter(experiment_id=report.experiment_id, engine=engine).first()
        if first is not None:
            if first.request_hash != request_hash:
                raise conflicting_report("conflict", "Another trade stands for this experiment; the first one counts.")
            return first, False
        now = database_time()
        priced = judge_opening(report, now)
        _refuse_late(report, recommendation)
        trade = _store(table, engine, report, priced, request_hash=request_hash, now=now)
        if isinstance(trade, ShadowTrade):
            follow_standing_directive(trade, now)
        transaction.on_commit(lambda: _log(trade))
    return trade, True


def _permitted(engine: str, report: OpeningReport, decision: ExecutionDecision) -> Recommendation:
    """Return the engine's recommendation if its revealed role allows this kind of trade."""
    real = report.kind == Role.REAL
    if real and decision.executed_engine != engine:
        raise double_execution(engine)
    recommendation = Recommendation.objects.filter(experiment_id=report.experiment_id, engine=engine).first()
    if recommendation is None:
        raise _unpermitted(real, "not_recommended", "Recommend first; the answer says whether to trade for real.")
    if recommendation.action == Action.DECLINE:
        raise _unpermitted(real, "declined", "This engine declined the experiment; it has no trade here.")
    if real and recommendation.role != Role.REAL:
        raise double_execution(engine)
    if not real and recommendation.role != Role.SHADOW:
        raise DomainError("role_mismatch", "This engine trades this experiment for real; report kind REAL.", "/kind")
    return recommendation


def _unpermitted(real: bool, code: str, detail: str) -> DomainError:  # noqa: FBT001 (private, named at the call)
    if real:
        return RefusedReportError(code, detail, incident_kind=IncidentKind.UNPERMITTED_REAL_TRADE)
    return DomainError(code, detail)


def _refuse_late(report: OpeningReport, recommendation: Recommendation) -> None:
    """Refuse a real trade after its permit, and a shadow that entered after the real trade had left."""
    permit_ends = recommendation.permit_expires_at
    if permit_ends is not None and report.entry_time > permit_ends:
        raise RefusedReportError(
            "permit_expired",
            f"The permit for a real trade ended at {permit_ends.isoformat()}; close what was opened.",
            incident_kind=IncidentKind.PERMIT_EXPIRED,
        )
    directive = ExitDirective.objects.filter(experiment_id=report.experiment_id).first()
    if directive is not None and report.entry_time > directive.exit_time:
        raise DomainError(
            "entry_after_real_exit",
            "The real trade had left before this entry; there is no pair to make.",
            "/entry_time",
        )


def _store(
    table: type[RealTrade | ShadowTrade],
    engine: str,
    report: OpeningReport,
    priced: tuple[tuple[Leg, ...], Decimal],
    *,
    request_hash: str,
    now: datetime,
) -> RealTrade | ShadowTrade:
    legs, entry_price = priced
    return table.objects.create(
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


def _log(trade: RealTrade | ShadowTrade) -> None:
    facts = {"experiment_id": str(trade.experiment_id), "engine": trade.engine}
    if isinstance(trade, RealTrade):
        TRADE_OPENED.log(**facts, trade_id=str(trade.pk))
    else:
        SHADOW_TRADE_CREATED.log(**facts, shadow_trade_id=str(trade.pk))
