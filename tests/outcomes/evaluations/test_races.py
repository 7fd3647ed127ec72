"""Two workers and a crash: a block is judged once, with its evidence, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from kernel.errors import DomainError
from outcomes.core.evaluation import demand_reason
from outcomes.evaluations import judging, lifecycle
from outcomes.evaluations.members import summed
from outcomes.models import EvaluationRun
from tests.outcomes.evaluations.hall import ANN, Hall, approved, blocks, make_phase, started
from tests.threads import Meeting, run_across, succeeded, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hall() -> Hall:
    """A run with two blocks that are over, and a third that is not."""
    make_phase()
    hall = Hall()
    started()
    for day in range(3):
        hall.play(day, a="2.78", b="0.98")
    return hall


def cross_workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let two workers look at a block before either has stored it; how many each judged."""
    meeting = Meeting()
    monkeypatch.setattr(judging, "summed", meeting.after(summed))
    return list(run_across(meeting, judging.judge_due, judging.judge_due))


def test_a_worker_waits_for_the_other_that_is_at_the_same_block(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(cross_workers(monkeypatch)) == 2
    assert [(block.number, block.x_low) for block in blocks()] == [(1, 1.0), (2, 1.0)]


def test_without_the_lock_the_database_would_refuse_the_second_judgement(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlocked(self: QuerySet[EvaluationRun], **options: object) -> QuerySet[EvaluationRun]:
        return self

    monkeypatch.setattr(QuerySet, "select_for_update", unlocked)
    monkeypatch.setattr(judging, "_lock", lambda _: None)

    with pytest.raises(IntegrityError, match="evaluation_blocks_once"):
        cross_workers(monkeypatch)


def test_four_workers_at_once_judge_each_block_once(hall: Hall) -> None:
    assert sum(succeeded(together(*[judging.judge_due] * 4))) == 2
    assert [block.judgement["e_a"] for block in blocks()] == judged_alone()


def judged_alone() -> list[str]:
    """The evidence after each block, from the beginning."""
    judging._TRIALS.clear()
    rows = blocks()
    plan = rows[0].evaluation.plan
    return [
        repr(judging.judged((0, judging.WHOLE), [judging.block_of_row(row) for row in rows[:number]], plan.wager).e_a)
        for number in range(1, len(rows) + 1)
    ]


def test_of_two_starts_at_once_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    make_phase()
    for name in ("spring", "summer"):
        approved(name=name)

    found = together(*(partial(lifecycle.start_evaluation, ANN, name) for name in ("spring", "summer")))

    refused = [error.code for error in found if isinstance(error, DomainError)]
    assert (refused, EvaluationRun.objects.count()) == (["evaluation_running"], 1)


def test_without_the_lock_the_database_would_refuse_the_second_start(monkeypatch: pytest.MonkeyPatch) -> None:
    make_phase()
    for name in ("spring", "summer"):
        approved(name=name)
    monkeypatch.setattr(lifecycle, "HOLD_OFF_STARTS", "SELECT %s")
    meeting = Meeting()
    monkeypatch.setattr(lifecycle, "demand_reason", meeting.after(demand_reason))

    with pytest.raises(IntegrityError, match="evaluation_runs"):
        run_across(meeting, *(partial(lifecycle.start_evaluation, ANN, name) for name in ("spring", "summer")))


def test_after_a_crash_in_the_middle_of_a_block_it_is_judged_once(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: object, **named: object) -> Callable[[], None]:
        raise MemoryError

    with monkeypatch.context() as broken:
        # The last thing in the transaction: the bets have taken the block, and the row is not committed.
        broken.setattr(transaction, "on_commit", crash)
        with pytest.raises(MemoryError):
            judging.judge_due()
    assert blocks() == []

    assert judging.judge_due() == 2
    assert [block.judgement["e_a"] for block in blocks()] == judged_alone()
