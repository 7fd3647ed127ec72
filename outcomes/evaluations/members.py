"""Which signals an evaluation looks at, and what those that take part came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from kernel.sql import load
from kernel.values import decimal_text
from outcomes.core.evaluation import EVENT, EvaluationPlan, is_comparable, weight_of
from outcomes.core.judging import JudgedBlock, Records, Taking, sum_up
from outcomes.core.values import Difference, Record, Side, count_standings
from outcomes.models import EvaluationRun
from outcomes.standings import Pair, read_pairs

MEMBERS = load(__file__, "members.sql")
STRATEGIES = load(__file__, "strategies.sql")
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an evaluation's signals lie: those that arrive after `since`, and by its clock from `starts_at` on."""

    clock: str
    since: datetime
    starts_at: datetime
    policy_version: int | None  # None: any, of a rehearsal

    @classmethod
    def of(cls, run: EvaluationRun) -> Scope:
        """The scope of a run."""
        plan = run.evaluation.plan
        return cls(plan.clock, run.begins_at, plan.starts_at or EVER, run.policy_version_id)

    def _read(self, statement: str, **more: Any) -> list[Any]:
        parameters: dict[str, Any] = {
            "since": self.since,
            "starts_at": self.starts_at,
            "replayed": self.clock == EVENT,
            "policy_version": self.policy_version,
        }
        with connection.cursor() as cursor:
            time = "timestamp" if self.clock == EVENT else "received_at"
            cursor.execute(statement.replace("{time}", time), parameters | more)
            rows: list[Any] = cursor.fetchall()
        return rows

    def members(self, *, until: datetime, after: date = date.min) -> list[Member]:
        """The signals of days after `after` that arrived by `until`, in the order of arrival."""
        return [Member(*row) for row in self._read(MEMBERS, until=until, after=after)]

    def strategies(self) -> list[tuple[str, str, datetime]]:
        """Engine, strategy_version and its first answer, in the order of answers of each engine."""
        return self._read(STRATEGIES)


@dataclass(frozen=True, slots=True)
class Member:
    """One signal that an evaluation looks at; without an experiment while it waits for its decision."""

    experiment_id: UUID | None
    day: date  # New York, by the evaluation's clock
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """The signals of one stretch as of a moment: those that take part, and how many do not."""

    takings: tuple[Taking, ...]
    pairs: tuple[Pair, ...]  # of the takings, in the same order
    arrived: int  # with those that a halt or an engine's absence left out
    not_compared: int
    over: int  # beyond max_signals
    unsettled: int

    @property
    def experiment_ids(self) -> list[UUID]:
        """Those that take part, in the order of arrival."""
        return [pair.decision.pk for pair in self.pairs]


def compare(members: Sequence[Member], plan: EvaluationPlan, now: datetime) -> Comparison:
    """Read both engines' parts in these signals as of `now`."""
    days = {member.experiment_id: member.day for member in members if member.experiment_id is not None}
    pairs = read_pairs(list(days), estimand=plan.estimand, prices=plan.prices, now=now)
    # Else it waited for its decision when the block's time was over.
    decided = [pair for pair in pairs if pair.decision.decided_at <= now]
    comparable = [pair for pair in decided if is_comparable(pair.decided, plan.estimand)]
    # The first by arrival, whatever became of them: a halt must not let later ones in.
    arrived = comparable[: plan.max_signals]
    takings, taking_pairs = [], []
    unsettled = sum(1 for member in members if member.experiment_id is None)
    for pair in arrived:
        weight = weight_of(pair.decided, plan.estimand)
        if weight is None:
            continue
        # Whether it was halted is known only once nothing can be told any more.
        unsettled += not pair.is_settled
        # Where nobody trades for real a halt changes nothing.
        if pair.was_halted and pair.decision.executed_engine is not None:
            continue
        takings.append(Taking(days[pair.decision.pk], weight, pair.a.side, pair.b.side))
        taking_pairs.append(pair)
    over = len(comparable) - len(arrived)
    return Comparison(
        tuple(takings),
        tuple(taking_pairs),
        arrived=len(arrived),
        not_compared=len(pairs) - len(takings) - over,
        over=over,
        unsettled=unsettled,
    )


@dataclass(frozen=True, slots=True)
class Summed:
    """A block with what is stored beside its sums."""

    block: JudgedBlock
    counts: dict[str, Any]
    signals: list[dict[str, Any]]
    records: Records  # after it

    def columns(self) -> dict[str, Any]:
        """The columns of `evaluation_blocks` that follow from facts alone."""
        block = self.block
        return {
            "first_day": block.first_day,
            "last_day": block.last_day,
            "n": block.n,
            "arrived": block.arrived,
            "x_low": block.block.low,
            "x_high": block.block.high,
            "m": block.block.m,
            "opened_a": block.opened[0],
            "opened_b": block.opened[1],
            "missing_a": block.missing[0],
            "missing_b": block.missing[1],
            "counts": self.counts,
            "signals": self.signals,
            "records": {"a": _amounts(self.records.a), "b": _amounts(self.records.b)},
            "experiment_ids": [UUID(signal["experiment_id"]) for signal in self.signals],
        }


def summed(comparison: Comparison, number: int, plan: EvaluationPlan, starts_on: date, records: Records) -> Summed:
    """The block of one stretch; its number counts stretches from 0, those without signals too."""
    block = sum_up(comparison.takings, comparison.arrived, number, plan.cut(starts_on), records)
    sides = {"a": [one.a for one in comparison.takings], "b": [one.b for one in comparison.takings]}
    held = [part.held_days for pair in comparison.pairs for part in (pair.a, pair.b) if part.held_days is not None]
    counts: dict[str, Any] = {name: _sorted(count_standings(found, plan.metric)) for name, found in sides.items()}
    counts |= {
        "not_compared": comparison.not_compared,
        "over_max_signals": comparison.over,
        "hold_exceeded": sum(days > plan.max_hold_days for days in held),
    }
    signals = [
        _signal_document(pair, taking, apart)
        for pair, taking, apart in zip(comparison.pairs, comparison.takings, block.differences, strict=True)
    ]
    return Summed(block, counts, signals, records.after(comparison.takings, plan.metric))


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _signal_document(pair: Pair, taking: Taking, apart: Difference) -> dict[str, Any]:
    """One signal as the evidence of its block keeps it; amounts and weights as text, to the last digit."""
    return {
        "experiment_id": str(pair.decision.pk),
        "real": pair.decision.executed_engine,
        "weight": repr(taking.weight),
        "a": _amounts(taking.a),
        "b": _amounts(taking.b),
        "d_low": decimal_text(apart.low),
        "d_high": decimal_text(apart.high),
    }


def _amounts(found: Side | Record) -> dict[str, Any]:
    """What is known of a side or an engine, amounts as text."""
    return {
        name: decimal_text(value) if isinstance(value, Decimal) else value
        for name, value in asdict(found).items()
        if value is not None
    }


def stored_records(document: dict[str, Any]) -> Records:
    """What both engines had done, as it is stored with a block."""
    a, b = (Record(**{name: Decimal(value) for name, value in document[engine].items()}) for engine in ("a", "b"))
    return Records(a, b)
