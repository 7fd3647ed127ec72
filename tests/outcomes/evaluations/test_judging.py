"""Blocks are judged as they close, each once and in the order of time, from what both engines told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from outcomes.core.evidence import STAKES
from outcomes.evaluations import judging, lifecycle
from outcomes.evaluations.documents import evaluation_document
from outcomes.evaluations.judging import look
from outcomes.models import EvaluationRun
from outcomes.services.case import database_time
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


def test_what_a_block_waits_for_is_counted_in_words(hall: Hall) -> None:
    started()
    hall.enter(hall.signal())
    hall.signal(day=1)
    waiting = [look(EvaluationRun.objects.get(), database_time()).waits_for]
    hall.enter(hall.signal())

    waiting += [look(EvaluationRun.objects.get(), database_time()).waits_for]

    assert waiting == ["1 open signal", "2 open signals"]


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


def test_a_clear_difference_becomes_a_verdict_that_stands(
    hall: Hall, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    started(worst_block="2")
    for day in range(16):
        hall.play(day, a="2.78", b="0.98")  # 1 R apart each day
    with capture_logs() as logs, django_capture_on_commit_callbacks(execute=True):
        judging.judge_due()

    found = evaluation_document(lifecycle.evaluation_named("spring"))

    wealth = [sum(share * (1 + stake / 2) ** n for stake, share in STAKES.items()) for n in range(1, 16)]
    first = next(n for n, each in enumerate(wealth, start=1) if each >= 40)
    assert (found["verdict"], found["at_block"], found["state"]) == ("A_BETTER", first, "RUNNING")
    lower, upper = (float(edge) for edge in found["interval"])
    assert lower < 1 < upper
    assert "A is better by 1.00 R a signal, 95% at every look: " in found["sentence"]
    assert f"by block {first}, 2014-06-02 to 2014-06-{1 + first}." in found["sentence"]
    assert float(found["blocks"][first - 1]["e_a"]) == pytest.approx(wealth[first - 1])
    assert float(found["since"]["e_a"]) == pytest.approx(wealth[14 - first])
    told = [line["verdict"] for line in logs if line["event"] == "evaluation.judged"]
    assert told == ["RUNNING"] * (first - 1) + ["A_BETTER"] * (16 - first)
