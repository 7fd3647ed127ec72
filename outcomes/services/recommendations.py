"""Storing what an engine recommends, revealing its role only then (R7.4, R7.5), and the permit that comes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from experiments.core.explanation import STALE_ANSWER
from experiments.models import SignalDistribution
from kernel.errors import DomainError, gone
from kernel.events import PERMIT_CONFIRMED, RECOMMENDATION_RECORDED
from kernel.rows import from_json, insert, json_columns, new_row, read_json, unit_of_work, update
from kernel.trips import Statement
from kernel.values import format_timestamp
from outcomes.core.checks import Plan
from outcomes.core.reports import refuse_duplicates
from outcomes.core.trades import PairRule
from outcomes.models import Action, Permit, RealTrade, Recommendation, Role
from outcomes.services.case import Caller, Terms, lock_experiment_and_ask, not_found, read_experiment
from outcomes.services.directives import settle_declined
from outcomes.services.fills import record_one
from policies.core import rules
from policies.selectors import answer_by

# A halt that is being engaged is waited for, and one that comes later waits for this transaction: no halt is missed
# between looking and answering.
# The clock is read after the wait for a halt, or a permit could be shortened by the wait.
HALTED_AND_NOW = (
    Statement("LOCK TABLE halts IN SHARE MODE"),
    Statement("SELECT EXISTS (SELECT FROM halts WHERE released_at IS NULL), clock_timestamp()"),
)
# A worker that claims holds the row as well: it does not ask for the experiment.
LOCK_DISTRIBUTION = f"""
SELECT {json_columns(SignalDistribution)}::text FROM signal_distributions t WHERE experiment_id = %s AND engine = %s
   FOR NO KEY UPDATE
"""  # noqa: S608
# That stand, or may have stood between the confirmation of the permit and an entry.
HALTS_SINCE = """
SELECT engaged_at, released_at FROM halts
 WHERE released_at IS NULL OR released_at > least(%(entered)s, now())
    OR engaged_at > (SELECT confirmed_at FROM permits WHERE experiment_id = %(experiment)s)
"""


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
    lease_token: UUID | None = None  # of the claim it was made under; None proves nothing, and is not refused for it


def record_recommendation(engine: str, report: RecommendationReport) -> tuple[Recommendation, bool]:
    """Store the recommendation and reveal the role; the flag says whether it is new (R7.4, R7.5).

    1. Lock the experiment, so that the other side's exit comes wholly before or after, and the engine's distribution,
       which no other worker can claim then: two answers at once become a first and a repeat.
    2. Return the first answer for the same report; refuse a different one.
    3. Refuse a recommendation that was made from another context (R1.3), with two legs of one instrument, or under a
       lease that another worker holds.
    4. Reveal the role; only now, so that it cannot have shaped the recommendation.
    5. If it declines after the real trade's exit, settle that exit's directive, which has nothing to close.
    """
    distributed = Statement(LOCK_DISTRIBUTION, (report.experiment_id, engine))
    with unit_of_work():
        terms, (rows, _, halted_and_now) = lock_experiment_and_ask(
            report.experiment_id, distributed, *HALTED_AND_NOW, caller=_caller(engine, report)
        )
        if engine not in terms.distributed:
            raise not_found()
        distribution = from_json(SignalDistribution, read_json(rows[0][0]))
        is_halted, now = halted_and_now[0]
        first = terms.recommendations.get(engine)
        if first is not None:
            first.halted = is_halted
            if first.request_hash != report.request_hash:
                raise DomainError(
                    "conflict",
                    "A different recommendation is already stored for this experiment; the first counts.",
                )
            return first, False
        if distribution.answered_at is not None:
            # It has answered, and could now answer otherwise what it has traded since.
            terms.recommendation(engine)
        if report.context_hash != distribution.context_hash:
            raise DomainError(
                "context_mismatch",
                f"The experiment's context_hash is {distribution.context_hash}; read the assignment again.",
                "/context_hash",
            )
        if report.plan is not None:
            refuse_duplicates((leg.instrument for leg in report.plan.legs), "/plan/legs")
        if report.lease_token is not None and distribution.is_leased_to_another(report.lease_token, now):
            raise DomainError("lease_lost", "The lease has ended, and another worker holds the assignment now.")
        # Its lease has ended, and no other worker has taken the assignment up.
        whole = terms if terms.is_whole else read_experiment(report.experiment_id)
        terms = replace(whole, now=now)
        role, reason = _role(engine, terms, is_halted=is_halted)
        recommendation = _store(engine, report, terms, role=role, reason=reason)
        recommendation.halted = is_halted
        if recommendation.action == Action.DECLINE:
            settle_declined(engine, terms)
        distribution.answered_at = now
        update(distribution, ("answered_at",))
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


def _caller(engine: str, report: RecommendationReport) -> Caller:
    """The engine with what its answer rests on; an answer that will be refused in any case rests on nothing."""
    legs = [] if report.plan is None else [leg.instrument for leg in report.plan.legs]
    if len(set(legs)) < len(legs):
        return Caller(engine)
    return Caller(engine, report.context_hash, report.lease_token)


def _role(engine: str, terms: Terms, *, is_halted: bool) -> tuple[Role, str]:
    """REAL for the executed engine, unless its answer is stale or trading is halted; and the reason."""
    if terms.now > answer_by(terms.policy, terms.distributed[engine]) or _other_side_has_left(engine, terms):
        return Role.SHADOW, STALE_ANSWER
    if terms.decision.executed_engine != engine:
        return Role.SHADOW, terms.decision.reason
    return (Role.SHADOW, rules.halted.reason) if is_halted else (Role.REAL, terms.decision.reason)


def _other_side_has_left(engine: str, terms: Terms) -> bool:
    """Whether the other engine's trade ended before this engine answered: it could know how the signal came out.

    A replayed answer knows no more than the replay has shown it; there the times of the market decide.
    """
    if terms.is_replayed:
        return False
    return terms.has_ended or any(
        shadow.closed_at is not None for shadow in terms.shadows.values() if shadow.engine != engine
    )


def _store(engine: str, report: RecommendationReport, terms: Terms, *, role: Role, reason: str) -> Recommendation:
    """Store the answer with the role that it reveals, and the permit of a real opening."""
    permit_ends = None
    if role == Role.REAL and report.action == Action.OPEN:
        permit_ends = terms.now + timedelta(seconds=terms.policy.permit_ttl_seconds)
    recommendation = new_row(
        Recommendation,
        experiment_id=report.experiment_id,
        engine=engine,
        context_hash=report.context_hash,
        action=report.action,
        strategy_version=report.strategy_version,
        rules_hash=report.rules_hash,
        registered_rules_hash=terms.rules_hash(engine),
        recommendation=report.recommendation,
        plan=None if report.plan is None else report.plan.document(),
        request_hash=report.request_hash,
        recommended_at=terms.now,
        role=role,
        role_reason=reason,
        permit_expires_at=permit_ends,
    )
    insert(recommendation)
    if permit_ends is not None:
        permit = {"engine": engine, "revealed_at": terms.now, "expires_at": permit_ends}
        insert(new_row(Permit, experiment_id=report.experiment_id, **permit))
    return recommendation


def confirm_permit(engine: str, experiment_id: UUID) -> Permit:
    """Confirm that the engine's real order may go out now; judged anew each time, so that a halt counts at once.

    Raises `not_found`, `recommendation_missing`, `not_permitted`, `halted` and `permit_expired`. Before the engine's
    own recommendation it answers alike whichever engine asks: anything else would tell it its role.
    """
    with unit_of_work():
        terms, (_, halted_and_now) = lock_experiment_and_ask(experiment_id, *HALTED_AND_NOW, caller=Caller(engine))
        if engine not in terms.distributed:
            raise not_found()
        permit = terms.permit
        if permit is None or permit.engine != engine:
            answer = terms.recommendations.get(engine)
            if answer is None:
                raise DomainError("recommendation_missing", "Send a recommendation first; the answer reveals the role.")
            if answer.permit_expires_at is not None:
                raise gone(f"the permit of engine {engine}")
            raise DomainError("not_permitted", f"Engine {engine} may not trade this experiment for real.")
        is_halted, now = halted_and_now[0]
        if is_halted:
            raise DomainError("halted", "Trading is halted; no real order may go out.")
        if now > permit.expires_at:
            raise DomainError("permit_expired", f"The permit ended at {format_timestamp(permit.expires_at)}.")
        if terms.real is not None:
            if permit.confirmed_at is None:
                raise DomainError("not_permitted", "The trade was reported without a confirmed permit.")
            # What the trade was opened on stays; a repeat gets the same answer.
            return permit
        permit.confirmed_at = now
        update(permit, ("confirmed_at",))
        confirmed = {"experiment_id": str(experiment_id), "engine": engine}
        transaction.on_commit(
            lambda: PERMIT_CONFIRMED.log(**confirmed, valid_until=format_timestamp(permit.expires_at))
        )
    return permit


def judge_permit(trade: RealTrade, terms: Terms) -> None:
    """Name what is wrong with the permit of a real trade that has just been told: NOT_PERMITTED, LATE_ENTRY."""
    permit = terms.permit
    if permit is None:
        was_given = terms.recommendation(trade.engine).permit_expires_at is not None
        # Real money is kept whatever somebody has deleted.
        detail = "its permit was deleted from the database" if was_given else "the engine had declined"
        record_one(trade, PairRule.NOT_PERMITTED, detail, terms.now)
        return
    ended = f"the permit ended at {format_timestamp(permit.expires_at)}"
    if terms.now > permit.expires_at + terms.report_delay:
        record_one(trade, PairRule.LATE_ENTRY, f"reported at {format_timestamp(terms.now)}; {ended}", terms.now)
    elif not terms.is_replayed and trade.entry_time > permit.expires_at:
        detail = f"entered at {format_timestamp(trade.entry_time)}; {ended}"
        record_one(trade, PairRule.NOT_PERMITTED, detail, terms.now)
    if permit.confirmed_at is None:
        record_one(trade, PairRule.NOT_PERMITTED, "the permit had not been confirmed", terms.now)
        return
    # A replayed entry has the market's time; ours says only when it was told.
    entered = terms.now if terms.is_replayed else trade.entry_time
    # Confirmed after the halt, a fill from within it is as little permitted as one that came after the confirmation.
    revoking = [
        engaged
        for engaged, released in terms.halts
        if engaged < entered and (engaged > permit.confirmed_at or released is None or released > entered)
    ]
    if revoking:
        confirmed, halted = format_timestamp(permit.confirmed_at), format_timestamp(max(revoking))
        record_one(
            trade, PairRule.NOT_PERMITTED, f"confirmed at {confirmed}; revoked by the halt of {halted}", terms.now
        )
