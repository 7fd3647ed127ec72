"""Judging the blocks of an evaluation as they close, each once and in the order of time.

A block is judged in one transaction with its evidence, under the lock of its run: two workers judge it once, and a
crash leaves it wholly judged or not at all. What is told later makes a revision that is shown, never another verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from kernel.events import EVALUATION_JUDGED
from kernel.sql import load
from kernel.values import counted
from outcomes.core.block_file import judgement_document
from outcomes.core.evaluation import EVENT, WALL, EvaluationPlan, block_ends_at, compares
from outcomes.core.evidence import Block, Judgement, Trial, Wager
from outcomes.core.judging import JudgedBlock, Records, misses_too_much
from outcomes.core.values import Record
from outcomes.evaluations.lifecycle import end_if_changed, end_run
from outcomes.evaluations.members import (
    Assigned,
    Comparison,
    Member,
    Scope,
    Summed,
    compare,
    exits_of,
    stored_records,
    stored_slice,
    summed,
)
from outcomes.models import EvaluationBlock, EvaluationExits, EvaluationMark, EvaluationRun, RunState
from outcomes.services.case import database_time

LOCK_MEMBERS = load(__file__, "lock_members.sql")
# A whole evaluation's key among the bets that are under way; a slice's is its position.
WHOLE = -1


@dataclass(frozen=True, slots=True)
class Look:
    """What the next block of a run is like: ready to be judged, or what it waits for; neither where nothing is left."""

    ready: Comparison | None = None
    number: int = 0  # of its stretch
    members: tuple[Member, ...] = ()
    waits_for: str = ""
    until: datetime | None = None  # when it is judged at the latest, or is over; None: nobody can say
    days: tuple[date, date] | None = None

    @property
    def is_over(self) -> bool:
        """Whether no block will follow."""
        return self.ready is None and not self.waits_for


def look(run: EvaluationRun, now: datetime) -> Look:
    """The first stretch after the judged ones that has a signal which takes part."""
    plan, last = run.evaluation.plan, _last_block(run)
    cut = plan.cut(run.starts_on)
    ended = run.ended_at if run.state != RunState.RUNNING else None
    after = run.starts_on - timedelta(days=1) if last is None else last.last_day
    if not compares(run.policy_version.configured_mode, run.policy_version.split_percentage, plan.estimand):
        # However many arrive, none will ever take part; nobody need read them.
        return Look() if ended is not None else Look(waits_for="its end: under this policy nothing is compared")
    members = Scope.of(run).members(until=min(now, ended or now), after=after)
    members.sort(key=lambda member: cut.number(member.day))
    for number, group in groupby(members, lambda member: cut.number(member.day)):
        of_block, days = tuple(group), cut.days(number)
        if not _is_over(plan, days[1], members, run, now):
            # What an end has cut is not judged, nor what would come after it.
            if ended is not None:
                return Look()
            ends = block_ends_at(days[1]) if plan.clock == WALL else None
            return Look(waits_for="the end of the block", until=ends, days=days)
        found = compare(of_block, plan, now)
        deadline = _deadline(run, plan, days[1])
        if found.unsettled and (deadline is None or now <= deadline):
            return Look(waits_for=counted(found.unsettled, "open signal"), until=deadline, days=days)
        if found.takings:
            return Look(found, number, of_block, days=days)
    return Look() if ended is not None else Look(waits_for="signals")


def _is_over(
    plan: EvaluationPlan, last_day: date, members: Sequence[Member], run: EvaluationRun, now: datetime
) -> bool:
    """Whether no further signal belongs to the stretch that ends on this day, and no change has cut it."""
    if plan.clock == WALL:
        ends = block_ends_at(last_day)
        return ends <= (now if run.ended_at is None else run.ended_at)
    # By the signals' own time: over when one of a later block has arrived, or when the operator says so.
    return run.state == RunState.FINISHED or any(member.day > last_day for member in members)


def _deadline(run: EvaluationRun, plan: EvaluationPlan, last_day: date) -> datetime | None:
    """Until when a block's trades may settle; None while a replay goes on, whose clock is not ours."""
    directives = timedelta(seconds=run.policy_version.exit_directive_ttl_seconds)
    if plan.clock == EVENT:
        return None if run.ended_at is None else run.ended_at + directives
    return block_ends_at(last_day) + timedelta(days=plan.max_hold_days) + directives


def _last_block(run: EvaluationRun) -> EvaluationBlock | None:
    return EvaluationBlock.objects.filter(evaluation_id=run.pk, revision=1).order_by("-number").first()


def judge_due(*, seconds: float = math.inf) -> int:
    """Judge every block that can be judged, look again where later facts are; how many rows were written.

    After so many seconds the rest is left to the next time.
    """
    ends = monotonic() + seconds
    written = 0
    for evaluation_id in EvaluationRun.objects.filter(concluded_at__isnull=True).values_list("pk", flat=True):
        while monotonic() < ends and judge_next(evaluation_id):
            written += 1
    return written + (revise_late() if monotonic() < ends else 0)


def judge_next(evaluation_id: int) -> bool:
    """Judge the next block if it is ready; whether there was one.

    1. Lock the run, so that nobody else judges the same block.
    2. End it at the first change of what it is pinned to.
    3. Find the next block; conclude a run that has ended when none is left.
    4. Lock the block's experiments, so that no fact is stored with an earlier time than the one they are read at.
    5. Store the block with its evidence; at the horizon the run is finished.
    """
    with transaction.atomic():
        run = (
            EvaluationRun.objects.select_for_update(of=("self",))
            .select_related("evaluation", "policy_version")
            .get(pk=evaluation_id)
        )
        if run.concluded_at is not None:
            return False
        end_if_changed(run)
        found = look(run, database_time())
        if found.is_over:
            run.concluded_at = database_time()
            run.save(update_fields=("concluded_at",))
        if found.ready is None:
            return False
        _lock(found.ready.experiment_ids)
        now = database_time()
        _store(run, found.number, compare(found.members, run.evaluation.plan, now), now)
    return True


def _lock(ids: list[UUID]) -> None:
    """Wait for reports that are being stored: every one holds its experiment's lock when it reads the clock."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_MEMBERS, {"ids": ids})


def _store(run: EvaluationRun, number: int, comparison: Comparison, now: datetime) -> None:
    plan = run.evaluation.plan
    last = _last_block(run)
    earlier = blocks_before(run.pk, 1 if last is None else last.number + 1)
    new = summed(comparison, number, plan, run.starts_on, records_before(earlier))
    judgement = judged((run.pk, WHOLE), [*map(block_of_row, earlier), new.block], plan.wager)
    slices = [
        judgement_document(judged((run.pk, position), found, plan.slice_wager))
        for position, found in enumerate(slices_of([*earlier, new]))
    ]
    assigned = assigned_since(run, last, until_day=new.block.last_day, now=now)
    row = EvaluationBlock.objects.create(
        evaluation=run.evaluation,
        number=len(earlier) + 1,
        judgement=judgement_document(judgement) | {"slices": slices},
        judged_at=now,
        assigned_a=assigned.a,
        assigned_b=assigned.b,
        late=assigned.late,
        **new.columns(),
    )
    _store_exits(row, comparison, plan, now)
    if row.number == plan.horizon_blocks:
        if run.state == RunState.RUNNING:
            end_run(run, RunState.FINISHED, now, f"its horizon of {plan.horizon_blocks} blocks was reached")
        run.concluded_at = now
        run.save(update_fields=("concluded_at",))
    transaction.on_commit(lambda: _log(row, judgement))


def _store_exits(row: EvaluationBlock, comparison: Comparison, plan: EvaluationPlan, now: datetime) -> None:
    """Keep what is known of the other kind of exit; shown beside the verdict, and judged by nobody."""
    EvaluationExits.objects.update_or_create(
        evaluation_id=row.evaluation_id, number=row.number, defaults={"sums": exits_of(comparison, plan, now)}
    )


def assigned_since(
    run: EvaluationRun, last: EvaluationBlock | None, *, until_day: date | None, now: datetime
) -> Assigned:
    """The signals that no block up to the last has counted, of days up to one; None: to the end of a run."""
    until = now if run.ended_at is None else min(now, run.ended_at)
    return Scope.of(run).assigned(
        until=until,
        after=None if last is None else last.last_day,
        last=until_day,
        judged_at=until if last is None else last.judged_at,
    )


def _log(row: EvaluationBlock, judgement: Judgement | None) -> None:
    EVALUATION_JUDGED.log(
        evaluation=row.evaluation.name,
        block=row.number,
        revision=row.revision,
        n=row.n,
        verdict=judgement.verdict if judgement else None,
        e_a=repr(judgement.e_a) if judgement else None,
        e_b=repr(judgement.e_b) if judgement else None,
    )


def records_before(earlier: Sequence[EvaluationBlock]) -> Records:
    """What both engines had done in the blocks before, the first revisions of which are given in their order."""
    return stored_records(earlier[-1].records) if earlier else Records(Record(), Record())


def blocks_before(evaluation_id: int, number: int) -> list[EvaluationBlock]:
    """The judged blocks before this one, without what only their pages show."""
    rows = EvaluationBlock.objects.filter(evaluation_id=evaluation_id, revision=1, number__lt=number)
    return list(rows.order_by("number").defer("signals", "counts", "judgement", "experiment_ids", "sums"))


def block_of_row(row: EvaluationBlock) -> JudgedBlock:
    """A stored block for the pure core."""
    return JudgedBlock(
        row.first_day,
        row.last_day,
        row.n,
        row.arrived,
        Block(row.x_low, row.x_high, row.m),
        opened=(row.opened_a, row.opened_b),
        missing=(row.missing_a, row.missing_b),
    )


def slices_of(rows: Sequence[EvaluationBlock | Summed]) -> list[list[JudgedBlock]]:
    """The blocks of each slice, without those in which none of its signals took part."""
    each = [
        row.slices
        if isinstance(row, Summed)
        else [one and stored_slice(one, (row.first_day, row.last_day)) for one in row.slices]
        for row in rows
    ]
    return [[one for one in blocks if one is not None] for blocks in zip(*each, strict=True)]


# The bets so far of each evaluation that this process has judged a block of, and of each of its slices, with the blocks
# that were taken: the next block then costs what one block costs. Whatever else is stored, the bets begin anew.
_TRIALS: dict[tuple[int, int], tuple[list[Block], Trial]] = {}


def judged(key: tuple[int, int], blocks: Sequence[JudgedBlock], wager: Wager) -> Judgement:
    """What these blocks say; the key is an evaluation's, with WHOLE or the position of a slice."""
    taken, trial = _TRIALS.get(key, ([], Trial(wager)))
    if trial.wager != wager or taken != [one.block for one in blocks[: len(taken)]]:
        taken, trial = [], Trial(wager)
    for number in range(len(taken), len(blocks)):
        taken.append(blocks[number].block)
        trial.take(blocks[number].block, is_silenced=misses_too_much(blocks[: number + 1]))
    _TRIALS[key] = (taken, trial)
    return trial.judgement()


def revise_late() -> int:
    """Add a revision of every judged block that what was told since has changed; how many."""
    marked = EvaluationMark.objects.order_by("evaluation_id", "number").values_list("evaluation_id", "number")
    return sum(_revise(*key) for key in marked.distinct())


def _revise(evaluation_id: int, number: int) -> bool:
    with transaction.atomic():
        run = EvaluationRun.objects.select_for_update(of=("self",)).select_related("evaluation").get(pk=evaluation_id)
        # The marks first: what was told with one that is not seen here may be missing below, and its mark stays.
        EvaluationMark.objects.filter(evaluation_id=evaluation_id, number=number).delete()
        rows = list(EvaluationBlock.objects.filter(evaluation_id=evaluation_id, number=number).order_by("revision"))
        _lock(rows[0].experiment_ids)
        now = database_time()
        comparison = compare_again(rows[0], run, now)
        _store_exits(rows[0], comparison, run.evaluation.plan, now)
        new = sum_again(rows[0], comparison, blocks_before(evaluation_id, number), run)
        # Not every fact changes what is compared.
        if all(getattr(rows[-1], name) == value for name, value in new.columns().items()):
            return False
        row = EvaluationBlock.objects.create(
            evaluation=run.evaluation, number=number, revision=len(rows) + 1, judged_at=now, **new.columns()
        )
        transaction.on_commit(lambda: _log(row, None))
    return True


def compare_again(row: EvaluationBlock, run: EvaluationRun, now: datetime) -> Comparison:
    """The signals of a stored block as of `now`; who takes part in it, and what arrived, never changes."""
    found = compare([Member(pk, row.first_day, now) for pk in row.experiment_ids], run.evaluation.plan, now)
    counted: dict[str, Any] = row.counts
    return replace(
        found,
        arrived=row.arrived,
        arrived_in=tuple(0 if one is None else one["arrived"] for one in row.slices),
        not_compared=counted["not_compared"],
        over=counted["over_max_signals"],
    )


def sum_again(
    row: EvaluationBlock, comparison: Comparison, earlier: Sequence[EvaluationBlock], run: EvaluationRun
) -> Summed:
    """The block of a stored one's signals as they are now."""
    plan = run.evaluation.plan
    stretch = plan.cut(run.starts_on).number(row.first_day)
    return summed(comparison, stretch, plan, run.starts_on, records_before(earlier))
