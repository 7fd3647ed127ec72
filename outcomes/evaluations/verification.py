"""Recomputing an evaluation from the fills: what was stored must follow from what had been told when it was judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from outcomes.core.block_file import judgement_document
from outcomes.core.evidence import Trial
from outcomes.core.judging import JudgedBlock, misses_too_much
from outcomes.evaluations.judging import assigned_since, block_of_row, compare_again, records_before, sum_again
from outcomes.evaluations.members import Scope, Summed, compare, stored_slice, summed
from outcomes.models import ArchivedExperiment, Evaluation, EvaluationBlock, EvaluationRun

COUNTED = ("assigned_a", "assigned_b", "late")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One stored value that does not follow from what it was made of; block 0: the evaluation itself."""

    block: int
    revision: int
    field: str
    stored: Any
    recomputed: Any


def is_archived(evaluation: Evaluation) -> bool:
    """Whether signals that it looked at have left the database, so that only its stored blocks are left."""
    run = EvaluationRun.objects.filter(evaluation=evaluation).first()
    if run is None:
        return False
    looked_at = ArchivedExperiment.objects.filter(policy_version=run.policy_version_id, created_at__gt=run.begins_at)
    return looked_at.exists()


def verify(evaluation: Evaluation, *, progress: Callable[[int, int], None] = lambda *_: None) -> list[Mismatch]:
    """Recompute content hash, members, sums and evidence of every block; what differs, none where all is well.

    Where signals are archived, evidence is recomputed from the stored blocks, and members and sums are not.
    """
    found = []
    recomputed = evaluation.plan.content_hash()
    if recomputed != evaluation.content_hash:
        found.append(Mismatch(0, 0, "content_hash", evaluation.content_hash, recomputed))
    run = EvaluationRun.objects.select_related("evaluation", "policy_version").filter(evaluation=evaluation).first()
    if run is None:
        return found
    rows = list(EvaluationBlock.objects.filter(evaluation=evaluation).order_by("number", "revision"))
    judged = [row for row in rows if row.revision == 1]
    plan, archived = evaluation.plan, is_archived(evaluation)
    trials: list[tuple[Trial, list[JudgedBlock]]] = [(Trial(plan.wager), [])]
    trials += [(Trial(plan.slice_wager), []) for _ in plan.slices]
    for done, row in enumerate(rows, start=1):
        earlier = judged[: row.number - 1]
        if not archived:
            found.extend(_differences(row, _recomputed(row, earlier, run)))
        if row.revision == 1:
            of_block = [
                block_of_row(row),
                *(one and stored_slice(one, (row.first_day, row.last_day)) for one in row.slices),
            ]
            for (trial, so_far), block in zip(trials, of_block, strict=True):
                if block is not None:
                    so_far.append(block)
                    trial.take(block.block, is_silenced=misses_too_much(so_far))
            whole, *slices = (judgement_document(trial.judgement()) for trial, _ in trials)
            stored = {name: getattr(row, name) for name in COUNTED} | row.judgement
            counted = {} if archived else _counted(row, earlier[-1] if earlier else None, run)
            found.extend(
                Mismatch(row.number, 1, name, stored[name], value)
                for name, value in (counted | whole | {"slices": slices}).items()
                if stored[name] != value
            )
        progress(done, len(rows))
    return found


def _recomputed(row: EvaluationBlock, earlier: list[EvaluationBlock], run: EvaluationRun) -> Summed:
    """A block as of the moment at which it was judged; a later revision has the members of the first."""
    if row.revision > 1:
        return sum_again(row, compare_again(row, run, row.judged_at), earlier, run)
    plan = run.evaluation.plan
    cut = plan.cut(run.starts_on)
    stretch = cut.number(row.first_day)
    until = row.judged_at if run.ended_at is None else min(row.judged_at, run.ended_at)
    arrived = Scope.of(run).members(until=until, after=row.first_day - timedelta(days=1))
    members = [member for member in arrived if cut.number(member.day) == stretch]
    return summed(compare(members, plan, row.judged_at), stretch, plan, run.starts_on, records_before(earlier))


def _counted(row: EvaluationBlock, last: EvaluationBlock | None, run: EvaluationRun) -> dict[str, int]:
    """What arrived since the block before, as of the moment at which this one was judged."""
    found = assigned_since(run, last, until_day=row.last_day, now=row.judged_at)
    return dict(zip(COUNTED, (found.a, found.b, found.late), strict=True))


def _differences(row: EvaluationBlock, new: Summed) -> Iterator[Mismatch]:
    for name, value in new.columns().items():
        if getattr(row, name) != value:
            yield Mismatch(row.number, row.revision, name, getattr(row, name), value)
