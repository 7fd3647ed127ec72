"""Blocks are judged as they close, each once and in the order of time, from what both engines told."""

from __future__ import annotations

import pytest

from outcomes.evaluations import judging, lifecycle
from outcomes.evaluations.judging import look
from outcomes.models import EvaluationRun
from outcomes.services.transactions import database_time
from outcomes.tasks import judge_evaluations
from tests.outcomes.evaluations.hall import ANN, Hall, blocks, make_phase, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def hall() -> Hall:
    make_phase()
    return Hall()


def test_a_block_is_judged_once_a_signal_of_a_later_one_has_arrived_and_all_is_settled(hall: Hall) -> None:
    started()
    first = hall.signal()
    trades = hall.enter(first)
    hall.signal(day=1)
    assert judging.judge_due() == 0  # a signal of the next day has arrived, but both trades are open

    hall.leave(first, trades, a="2.78", b="0.98")  # A doubles its money, B makes nothing

    assert judging.judge_due() == 1
    (block,) = blocks()
    assert (block.number, block.n, block.x_low, block.x_high, block.m) == (1, 1, 1.0, 1.0, 1.0)
    assert block.judgement["verdict"] == "RUNNING"
    assert block.counts["a"] == {"VALUED": 1}
    assert judging.judge_due() == 0


def test_a_replayed_block_is_not_over_while_only_time_passes(hall: Hall) -> None:
    started()
    hall.play()
    hall.settle()

    assert judging.judge_due() == 0
    assert look(EvaluationRun.objects.get(), database_time()).waits_for == "the end of the block"


def test_what_there_is_no_time_for_is_left_to_the_next_time(hall: Hall) -> None:
    started()
    for day in range(2):
        hall.play(day)

    assert [judging.judge_due(seconds=0), judge_evaluations()] == [0, 1]


def test_finishing_closes_the_last_block(hall: Hall) -> None:
    run = started()
    for day in (0, 0, 2):
        hall.play(day, a="1.39", b="1.96")
    hall.settle()

    lifecycle.finish_evaluation(ANN, "spring", reason="The replay is over.")
    judging.judge_due()

    assert [(block.n, round(block.x_low, 9)) for block in blocks()] == [(2, round(-(2**0.5), 9)), (1, -1.0)]
    run.refresh_from_db()
    assert (run.state, run.concluded_at is not None) == ("FINISHED", True)


def test_a_change_of_the_policy_ends_it_and_cuts_its_block(hall: Hall) -> None:
    started()
    hall.play(0)
    hall.play(1)
    hall.settle()

    make_phase(split_percentage="60")
    hall.play(2)
    hall.settle()
    judging.judge_due()

    run = EvaluationRun.objects.get()
    assert (run.state, run.concluded_at is not None) == ("ENDED_BY_CHANGE", True)
    assert "policy version" in run.ended_because
    # The second day might have gone on: no signal of a later one had arrived.
    assert [block.number for block in blocks()] == [1]
