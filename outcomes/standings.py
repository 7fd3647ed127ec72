"""Where each engine stands in an experiment, read from what is stored; `outcomes.core.values` says what it is worth."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from experiments.models import ExecutionDecision, SignalDistribution
from outcomes.core.checks import Plan
from outcomes.core.trades import TradeFlag
from outcomes.core.values import Part, Side, judge_part
from outcomes.models import ExitDirective, OwnExit, RealTrade, Recommendation, Role, ShadowTrade, Violation
from outcomes.services.fills import books_of
from outcomes.services.transactions import Terms

# What an evaluation compares: exits at the real trade's time, or every engine's own.
SYNCHRONISED, OWN_EXIT = "SYNCHRONISED", "OWN_EXIT"


def sides_of(decision: ExecutionDecision, estimand: str = SYNCHRONISED) -> dict[str, Side]:
    """Both engines' sides by name, as of now: what is open, or could still come, is taken for not having come.

    Ask once everything is settled, or once the time for it is over. Each value comes from the fills, so that it can be
    recomputed at any time.
    """
    terms = Terms.of(decision)
    last = ExitDirective.objects.filter(experiment_id=decision.pk, is_last=True).first()
    return {
        engine: judge_part(_part(engine, terms, last, estimand), terms.schedule, overtakes=estimand == SYNCHRONISED)
        for engine in ("A", "B")
    }


def _part(engine: str, terms: Terms, last: ExitDirective | None, estimand: str) -> Part:
    own = {"experiment_id": terms.decision.pk, "engine": engine}
    breaks_a_rule = Violation.objects.filter(**own).exists()
    distributed_at = SignalDistribution.objects.get(**own).distributed_at
    answer_by = distributed_at + timedelta(seconds=terms.policy.max_answer_age_seconds)
    answer = Recommendation.objects.filter(**own, recommended_at__lte=answer_by).first()
    trade: RealTrade | ShadowTrade | None = (
        RealTrade.objects.filter(**own).first() or ShadowTrade.objects.filter(**own).first()
    )
    plan = Plan.from_document(answer.plan) if answer is not None and answer.plan is not None else None
    # Without a shadow only its answer can have come too late; a replayed one is judged by the times of the market.
    late_answer = (
        answer is not None and last is not None and not terms.is_replayed and answer.recommended_at > last.issued_at
    )
    return Part(
        action=None if answer is None else answer.action,
        is_real=answer is not None and answer.role == Role.REAL,
        is_late=late_answer or (trade is not None and TradeFlag.AFTER_REAL_EXIT in trade.flags),
        breaks_a_rule=breaks_a_rule,
        has_trade=trade is not None,
        pnl=None if trade is None else _value(trade, terms, estimand),
        risk_amount=None if trade is None else trade.risk_amount,
        plan=plan,
    )


def _value(trade: RealTrade | ShadowTrade, terms: Terms, estimand: str) -> Decimal | None:
    """The P&L that is compared; None while it is open, and where nobody priced it."""
    if isinstance(trade, ShadowTrade) and estimand == OWN_EXIT:
        own = OwnExit.objects.filter(pk=trade.pk).first()
        return None if own is None else own.pnl
    return books_of(trade, terms.schedule).compared_pnl if trade.risk_amount is not None else None
