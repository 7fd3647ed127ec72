"""Where each engine stands in an experiment, read from what is stored; `outcomes.core.values` says what it is worth.

Everything is read as of a moment: facts that were told later do not count. So what was judged can be recomputed at any
time, and a difference means that the past was changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from experiments.models import ExecutionDecision, SignalDistribution
from outcomes.core.books import Books, Schedule, in_force, keep_books, ratios_of, until_first_roll
from outcomes.core.checks import Plan
from outcomes.core.evaluation import BLOCK_ZONE, ENGINES, NEUTRAL, OWN_EXIT, SYNCHRONISED, Decided, was_halted
from outcomes.core.trades import Provenance, TradeFlag
from outcomes.core.values import Part, Side, judge_part
from outcomes.models import (
    LIVE_STATUSES,
    Action,
    ExitDirective,
    ExitReason,
    OwnExit,
    OwnExitState,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeFill,
    Violation,
)
from outcomes.services.case import database_time
from outcomes.services.fills import core_fill, kept_books
from outcomes.services.pricing import quotes_between
from policies.models import Halt
from policies.selectors import answer_by

Key = tuple[UUID, str]
AnyTrade = RealTrade | ShadowTrade
# Prices that neither engine could choose; a broker's fill counts where neutral quotes bear it out.
_NEUTRAL = {Provenance.NEUTRAL_QUOTE, Provenance.SETTLEMENT, Provenance.BROKER_FILL}


@dataclass(frozen=True, slots=True)
class Standing:
    """One engine's part. `held_days` are calendar days, so far while it is open; None where nothing was opened."""

    side: Side
    is_settled: bool  # whether nothing that is told in time can still move it
    held_days: int | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Both engines in one experiment."""

    decision: ExecutionDecision
    a: Standing
    b: Standing
    was_halted: bool  # before both had answered, or before real money could move

    @property
    def is_settled(self) -> bool:
        """Whether nothing that is told in time can still move either side."""
        return self.a.is_settled and self.b.is_settled

    @property
    def decided(self) -> Decided:
        """What was decided, as far as it tells whether the pair can be compared."""
        inputs = self.decision.inputs
        return Decided(
            inputs["configured_mode"],
            self.decision.execution_mode,
            self.decision.reason,
            self.decision.experiment.variant,
            self.decision.experiment.split_percentage,
            both_available=inputs["engine_a_available"] and inputs["engine_b_available"],
        )


def sides_of(decision: ExecutionDecision, estimand: str = SYNCHRONISED) -> dict[str, Side]:
    """Both engines' sides by name, as of now, at whatever prices count for the engines themselves."""
    (pair,) = read_pairs([decision.pk], estimand=estimand, prices=ENGINES, now=database_time())
    return {"A": pair.a.side, "B": pair.b.side}


def read_pairs(ids: Collection[UUID], *, estimand: str, prices: str, now: datetime) -> list[Pair]:
    """The pairs of these experiments as of `now`, in their order: what is open then has not come.

    Ask once everything is settled, or once the time for it is over. Each value comes from the fills.
    """
    return _Facts(ids, estimand, prices, now).pairs()


class _Facts:
    """What is stored of some experiments, with one query for each kind of it."""

    def __init__(self, ids: Collection[UUID], estimand: str, prices: str, now: datetime) -> None:
        self.ids, self.estimand, self.prices, self.now = ids, estimand, prices, now
        of_these = {"experiment_id__in": ids}
        decisions = ExecutionDecision.objects.filter(**of_these)
        self.decisions = {row.pk: row for row in decisions.select_related("policy_version", "experiment__signal")}
        self.distributed_at = {
            (row.experiment_id, row.engine): row.distributed_at for row in SignalDistribution.objects.filter(**of_these)
        }
        self.answers = {
            (row.experiment_id, row.engine): row
            for row in Recommendation.objects.filter(**of_these, recommended_at__lte=now)
        }
        self.trades: dict[Key, AnyTrade] = {}
        for table in (ShadowTrade, RealTrade):
            rows: Iterable[AnyTrade] = table.objects.filter(**of_these, opened_at__lte=now).prefetch_related("fills")
            self.trades |= {(row.experiment_id, row.engine): row for row in rows}
        self.broken = set(
            Violation.objects.filter(**of_these, found_at__lte=now).values_list("experiment_id", "engine")
        )
        self.ended = {
            row.experiment_id: row for row in ExitDirective.objects.filter(**of_these, is_last=True, issued_at__lte=now)
        }
        self.own_exits = {row.pk: row for row in OwnExit.objects.filter(**of_these, reported_at__lte=now)}
        self.halts = list(Halt.objects.filter(engaged_at__lte=now).values_list("engaged_at", "released_at"))

    def pairs(self) -> list[Pair]:
        found = []
        for experiment_id in self.ids:
            decision = self.decisions[experiment_id]
            a, b = (self._standing(decision, engine) for engine in ("A", "B"))
            halted = was_halted(decision.decided_at, self._could_be_stopped_until(decision), self.halts)
            found.append(Pair(decision, a, b, halted))
        return found

    def _answer_by(self, decision: ExecutionDecision, engine: str) -> datetime:
        return answer_by(decision.policy_version, self.distributed_at[decision.pk, engine])

    def _answer(self, decision: ExecutionDecision, engine: str) -> Recommendation | None:
        """The answer in time, if there is one."""
        answer = self.answers.get((decision.pk, engine))
        return answer if answer is not None and answer.recommended_at <= self._answer_by(decision, engine) else None

    def _could_be_stopped_until(self, decision: ExecutionDecision) -> datetime:
        """Until when a halt would have changed what the engines could do: both answers, and the first real fill."""
        moments = []
        for engine in ("A", "B"):
            answer = self._answer(decision, engine)
            moments.append(self._answer_by(decision, engine) if answer is None else answer.recommended_at)
            if answer is not None and answer.permit_expires_at is not None:
                trade = self.trades.get((decision.pk, engine))
                ends = answer.permit_expires_at
                moments.append(ends if trade is None else min(ends, trade.opened_at))
        return max(moments)

    def _standing(self, decision: ExecutionDecision, engine: str) -> Standing:
        policy, key = decision.policy_version, (decision.pk, engine)
        schedule = Schedule(policy.fee_per_contract, policy.fee_per_order)
        answer, trade, last = self._answer(decision, engine), self.trades.get(key), self.ended.get(decision.pk)
        plan = Plan.from_document(answer.plan) if answer is not None and answer.plan is not None else None
        # Without a shadow only its answer can have come too late; a replayed one is judged by the times of the market.
        is_late = trade is not None and TradeFlag.AFTER_REAL_EXIT in trade.flags
        if answer is not None and last is not None and not decision.experiment.signal.replayed:
            is_late = is_late or answer.recommended_at > last.issued_at
        books = None if trade is None else self._books(trade, schedule)
        part = Part(
            action=None if answer is None else answer.action,
            is_real=answer is not None and answer.role == Role.REAL,
            is_late=is_late,
            breaks_a_rule=key in self.broken or (trade is not None and self._own_exit_breaks_a_rule(trade)),
            has_trade=trade is not None,
            pnl=None if trade is None or books is None else self._value(trade, books, policy.max_quote_age_seconds),
            risk_amount=None if books is None else books.risk_amount,
            plan=plan,
        )
        side = judge_part(part, schedule, overtakes=self.estimand == SYNCHRONISED)
        is_over = side.standing == "OVERTAKEN" and trade is not None
        return Standing(
            side,
            is_over or self._is_settled(decision, engine, answer, trade),
            None if trade is None else self._held_days(trade, is_replayed=decision.experiment.signal.replayed),
        )

    def _is_settled(
        self, decision: ExecutionDecision, engine: str, answer: Recommendation | None, trade: AnyTrade | None
    ) -> bool:
        policy = decision.policy_version
        if answer is None:
            return self.now > self._answer_by(decision, engine)
        if answer.action == Action.DECLINE and trade is None:
            return True
        if trade is None:
            if answer.permit_expires_at is not None:
                return self.now > answer.permit_expires_at + timedelta(seconds=policy.report_delay_seconds)
            return self.now > answer.recommended_at + timedelta(seconds=policy.entry_window_seconds)
        if self.estimand == OWN_EXIT and isinstance(trade, ShadowTrade) and not _left_by_itself(trade):
            own = self.own_exits.get(trade.pk)
            return own is not None and own.state != OwnExitState.PENDING
        if isinstance(trade, RealTrade) and trade.prices_checked_at is None:
            return False
        return trade.status not in LIVE_STATUSES

    def _rows(self, trade: AnyTrade) -> list[TradeFill]:
        """The fills in force by then: an amendment counts from its decision on."""
        return in_force(self._told(trade))

    def _told(self, trade: AnyTrade) -> list[TradeFill]:
        return [row for row in trade.fills.all() if row.reported_at <= self.now]

    def _books(self, trade: AnyTrade, schedule: Schedule) -> Books | None:
        """The books of the fills that were told in time; None while a shadow's entry is not priced."""
        rows = self._rows(trade)
        if not rows:
            return None
        # An own exit need not be one that the other side has followed.
        if self.estimand == OWN_EXIT:
            return keep_books([core_fill(row) for row in rows], trade.multiplier, schedule, ratios_of(trade.legs))
        return kept_books(trade, self._told(trade), schedule)

    def _value(self, trade: AnyTrade, books: Books, max_quote_age: int) -> Decimal | None:
        """The P&L that is compared; None while it is open or unpriced, and where its prices do not count."""
        rows = self._rows(trade)
        if isinstance(trade, ShadowTrade) and self.estimand == OWN_EXIT and not _left_by_itself(trade):
            own = self.own_exits.get(trade.pk)
            if own is None or own.pnl is None or own.priced_at is None or own.priced_at > self.now:
                return None
            counts = self._prices_count([own.price_provenance, rows[0].price_provenance])
            return own.pnl if counts else None
        paired = rows[: len(until_first_roll([core_fill(row) for row in rows]))]
        if not self._prices_count([row.price_provenance for row in paired]):
            return None
        if self.prices == NEUTRAL and not all(self._is_borne_out(row, max_quote_age) for row in paired):
            return None
        return books.compared_pnl

    def _prices_count(self, provenances: Iterable[str]) -> bool:
        if self.prices == NEUTRAL:
            return set(provenances) <= _NEUTRAL
        return Provenance.MODEL not in provenances

    def _is_borne_out(self, row: TradeFill, max_quote_age: int) -> bool:
        """Whether neutral quotes stand beside what a broker is said to have filled; a contradiction is a violation.

        What was settled needs no quote of its own.
        """
        if row.price_provenance != Provenance.BROKER_FILL:
            return True
        limit = timedelta(seconds=max_quote_age)
        filled = [leg["instrument"] for leg in row.legs if "settlement" not in leg]
        quoted = quotes_between(filled, row.time - limit, row.time + limit).values()
        return all(
            any(quote.received_at is None or quote.received_at <= self.now for quote in quotes) for quotes in quoted
        )

    def _own_exit_breaks_a_rule(self, trade: AnyTrade) -> bool:
        own = self.own_exits.get(trade.pk)
        return self.estimand == OWN_EXIT and own is not None and bool(own.violations)

    def _held_days(self, trade: AnyTrade, *, is_replayed: bool) -> int | None:
        own = self.own_exits.get(trade.pk) if self.estimand == OWN_EXIT else None
        left = own.exit_time if own is not None else trade.exit_time
        if left is None:
            # How far a replay's own clock has come says nothing about a trade that nobody closes.
            if is_replayed:
                return None
            left = self.now
        return (left.astimezone(BLOCK_ZONE).date() - trade.entry_time.astimezone(BLOCK_ZONE).date()).days


def _left_by_itself(trade: ShadowTrade) -> bool:
    """Whether its contracts ended, so that its synchronised end is its own as well."""
    return trade.status not in LIVE_STATUSES and trade.exit_reason != ExitReason.SYNCHRONISED
