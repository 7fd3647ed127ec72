"""Which signals an evaluation looks at, and what those that take part came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from kernel.sql import load
from kernel.values import decimal_text
from outcomes.core.beside import exits_sums, sums_of
from outcomes.core.blocks import Weighed
from outcomes.core.evaluation import EVENT, OWN_EXIT, SYNCHRONISED, EvaluationPlan, block_ends_at, weight_of
from outcomes.core.evidence import Block
from outcomes.core.judging import JudgedBlock, Records, Taking, sum_up
from outcomes.core.slices import Slice
from outcomes.core.values import Difference, Record, Side, count_standings, difference
from outcomes.models import EvaluationRun
from outcomes.standings import Pair, read_pairs

MEMBERS = load(__file__, "members.sql")
ASSIGNED = load(__file__, "assigned.sql")
STRATEGIES = load(__file__, "strategies.sql")
EVER, EVER_AFTER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


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

    def members(self, *, until: datetime, after: date | None = None) -> list[Member]:
        """The signals of days after `after` that arrived by `until`, in the order of arrival."""
        return [Member(*row) for row in self._read(MEMBERS, until=until, starts_at=self._from(after))]

    def assigned(self, *, until: datetime, after: date | None, last: date | None, judged_at: datetime) -> Assigned:
        """The decided signals that arrived by `until`, of days after `after` up to `last`; None: up to any.

        With them those of earlier days that arrived after `judged_at`.
        """
        bounds = {"begins": self._from(after), "ends": EVER_AFTER if last is None else block_ends_at(last)}
        ((a, b, late),) = self._read(ASSIGNED, until=until, judged_at=judged_at, **bounds)
        return Assigned(a, b, late)

    def _from(self, after: date | None) -> datetime:
        # Bounds in time, not in days, so that an index finds what has not been judged yet.
        return self.starts_at if after is None else max(self.starts_at, block_ends_at(after))

    def strategies(self) -> list[tuple[str, str, datetime]]:
        """Engine, strategy_version and its first answer, in the order of answers of each engine."""
        return self._read(STRATEGIES)


@dataclass(frozen=True, slots=True)
class Assigned:
    """Decided signals by variant, and how many of them came when their block was judged."""

    a: int
    b: int
    late: int


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
    arrived_in: tuple[int, ...]  # of these, in each slice
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
    comparable = [pair for pair in decided if pair.decided.is_comparable(plan.estimand)]
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
        arrived_in=tuple(
            sum(one.takes(pair.decision.experiment.signal) for pair in arrived) for one in map(Slice.of, plan.slices)
        ),
        not_compared=len(pairs) - len(takings) - over,
        over=over,
        unsettled=unsettled,
    )


@dataclass(frozen=True, slots=True)
class Summed:
    """A block with what is stored beside its sums."""

    block: JudgedBlock
    counts: dict[str, Any]
    slices: list[JudgedBlock | None]  # in the order of the plan
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
            "sums": sums_of(self.signals),
            "slices": [None if one is None else _slice_document(one) for one in self.slices],
            "records": {"a": _amounts(self.records.a), "b": _amounts(self.records.b)},
            "experiment_ids": [UUID(signal["experiment_id"]) for signal in self.signals],
        }


def summed(comparison: Comparison, number: int, plan: EvaluationPlan, starts_on: date, records: Records) -> Summed:
    """The block of one stretch; its number counts stretches from 0, those without signals too."""
    block = sum_up(comparison.takings, comparison.arrived, number, plan.cut(starts_on), records)
    sides = {"a": [one.a for one in comparison.takings], "b": [one.b for one in comparison.takings]}
    held = [part.held_days for pair in comparison.pairs for part in (pair.a, pair.b) if part.held_days is not None]
    counts: dict[str, Any] = {
        name: dict(sorted(count_standings(found, plan.metric).items())) for name, found in sides.items()
    }
    counts |= {
        "not_compared": comparison.not_compared,
        "over_max_signals": comparison.over,
        "hold_exceeded": sum(days > plan.max_hold_days for days in held),
    }
    signals = [
        _signal_document(pair, taking, apart)
        for pair, taking, apart in zip(comparison.pairs, comparison.takings, block.differences, strict=True)
    ]
    slices = [
        sum_up(takings, arrived, number, plan.cut(starts_on), records) if takings else None
        for takings, arrived in zip(_sliced(comparison, plan), comparison.arrived_in, strict=True)
    ]
    return Summed(block, counts, slices, signals, records.after(comparison.takings, plan.metric))


def _sliced(comparison: Comparison, plan: EvaluationPlan) -> list[list[Taking]]:
    """The signals that take part, of each slice."""
    each = list(zip(comparison.takings, comparison.pairs, strict=True))
    return [
        [taking for taking, pair in each if one.takes(pair.decision.experiment.signal)]
        for one in map(Slice.of, plan.slices)
    ]


def _slice_document(block: JudgedBlock) -> dict[str, Any]:
    return {
        "n": block.n,
        "arrived": block.arrived,
        "x_low": repr(block.block.low),
        "x_high": repr(block.block.high),
        "m": repr(block.block.m),
        "opened": list(block.opened),
        "missing": list(block.missing),
    }


def stored_slice(document: dict[str, Any], days: tuple[date, date]) -> JudgedBlock:
    """A slice of a block, as it is stored with the block."""
    sums = (float(document[name]) for name in ("x_low", "x_high", "m"))
    opened, missing = (tuple(document[name]) for name in ("opened", "missing"))
    return JudgedBlock(*days, document["n"], document["arrived"], Block(*sums), opened=opened, missing=missing)


def exits_of(comparison: Comparison, plan: EvaluationPlan, now: datetime) -> dict[str, Any]:
    """The same signals by the other kind of exit, added up."""
    other = SYNCHRONISED if plan.estimand == OWN_EXIT else OWN_EXIT
    pairs = read_pairs(comparison.experiment_ids, estimand=other, prices=plan.prices, now=now)
    nothing = Record()

    def apart(a: Side, b: Side) -> Difference:
        return difference(a, b, metric=plan.metric, record_a=nothing, record_b=nothing)

    return exits_sums(
        (Weighed(apart(taking.a, taking.b), taking.weight), apart(pair.a.side, pair.b.side))
        for taking, pair in zip(comparison.takings, pairs, strict=True)
    )


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
