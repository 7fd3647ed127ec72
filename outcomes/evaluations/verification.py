"""Recomputing an evaluation from the fills: what was stored must follow from what had been told when it was judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from outcomes.core.block_file import judgement_document
from outcomes.core.evidence import Trial
from outcomes.core.judging import misses_too_much
from outcomes.evaluations.judging import again, block_of_row, records_before
from outcomes.evaluations.members import Scope, Summed, compare, summed
from outcomes.models import Evaluation, EvaluationBlock, EvaluationRun


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One stored value that does not follow from what it was made of; block 0: the evaluation itself."""

    block: int
    revision: int
    field: str
    stored: Any
    recomputed: Any


def verify(evaluation: Evaluation, *, progress: Callable[[int, int], None] = lambda *_: None) -> list[Mismatch]:
    """Recompute content hash, members, sums and evidence of every block; what differs, none where all is well."""
    found = []
    recomputed = evaluation.plan.content_hash()
    if recomputed != evaluation.content_hash:
        found.append(Mismatch(0, 0, "content_hash", evaluation.content_hash, recomputed))
    run = EvaluationRun.objects.select_related("evaluation", "policy_version").filter(evaluation=evaluation).first()
    if run is None:
        return found
    rows = list(EvaluationBlock.objects.filter(evaluation=evaluation).order_by("number", "revision"))
    judged = [row for row in rows if row.revision == 1]
    trial = Trial(evaluation.plan.wager)
    for done, row in enumerate(rows, start=1):
        earlier = judged[: row.number - 1]
        found.extend(_differences(row, _recomputed(row, earlier, run)))
        if row.revision == 1:
            so_far = [block_of_row(one) for one in judged[: row.number]]
            trial.take(so_far[-1].block, is_silenced=misses_too_much(so_far))
            judgement = judgement_document(trial.judgement())
            found.extend(
                Mismatch(row.number, 1, name, row.judgement[name], value)
                for name, value in judgement.items()
                if row.judgement[name] != value
            )
        progress(done, len(rows))
    return found


def _recomputed(row: EvaluationBlock, earlier: list[EvaluationBlock], run: EvaluationRun) -> Summed:
    """A block as of the moment at which it was judged; a later revision has the members of the first."""
    if row.revision > 1:
        return again(row, earlier, run, row.judged_at)
    plan = run.evaluation.plan
    cut = plan.cut(run.starts_on)
    stretch = cut.number(row.first_day)
    until = row.judged_at if run.ended_at is None else min(row.judged_at, run.ended_at)
    arrived = Scope.of(run).members(until=until, after=row.first_day - timedelta(days=1))
    members = [member for member in arrived if cut.number(member.day) == stretch]
    return summed(compare(members, plan, row.judged_at), stretch, plan, run.starts_on, records_before(earlier))


def _differences(row: EvaluationBlock, new: Summed) -> Iterator[Mismatch]:
    for name, value in new.columns().items():
        if getattr(row, name) != value:
            yield Mismatch(row.number, row.revision, name, getattr(row, name), value)
