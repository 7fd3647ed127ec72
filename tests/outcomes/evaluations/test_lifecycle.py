"""An evaluation is written once, approved by somebody else, runs alone, and ends by a change or by its horizon."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from kernel.actors import Actor
from kernel.errors import DomainError
from outcomes.evaluations import judging, lifecycle
from outcomes.models import Evaluation, EvaluationApproval, EvaluationRun
from tests.database import execute
from tests.factories import make_policy
from tests.outcomes.evaluations.hall import ANN, BOB, Hall, approved, blocks, draft, make_phase, make_plan, started

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def phase() -> None:
    make_phase()


def refusal(call: Any, *args: Any, **named: Any) -> str:
    with pytest.raises(DomainError) as raised:
        call(*args, **named)
    return raised.value.code


def test_only_somebody_else_approves_and_only_what_he_saw() -> None:
    written = draft()

    assert refusal(lifecycle.approve_evaluation, ANN, "spring", content_hash=written.content_hash) == "own_evaluation"
    assert refusal(lifecycle.approve_evaluation, BOB, "spring", content_hash="0" * 64) == "evaluation_changed"
    assert refusal(lifecycle.start_evaluation, ANN, "spring") == "evaluation_state"

    for _ in range(2):  # a second click is the same approval
        lifecycle.approve_evaluation(BOB, "spring", content_hash=written.content_hash)
    assert lifecycle.start_evaluation(ANN, "spring").attempt == 1


def test_the_database_keeps_the_content_and_refuses_an_approval_by_its_author() -> None:
    written = draft()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Evaluation.objects.filter(pk=written.pk).update(worst_block=1)
    with pytest.raises(IntegrityError, match="its author"), transaction.atomic():
        EvaluationApproval.objects.create(
            evaluation=written,
            content_hash=written.content_hash,
            approved_by="somebody else",
            approver=ANN.person,
            approved_at=written.created_at,
        )


def test_an_account_of_another_name_is_the_same_author_and_another_of_the_same_name_is_not() -> None:
    author = Actor("ann", account_id=7)
    written = lifecycle.create_evaluation(author, make_plan())
    approve = partial(lifecycle.approve_evaluation, content_hash=written.content_hash)

    assert refusal(approve, replace(author, name="bob"), written.name) == "own_evaluation"
    assert approve(replace(author, account_id=8), written.name).approval.approver == "account 8"


def test_the_database_lets_a_run_end_once_and_keeps_what_it_is_pinned_to() -> None:
    run = started()
    with pytest.raises(IntegrityError, match="ends once"), transaction.atomic():
        EvaluationRun.objects.filter(pk=run.pk).update(rules_hash_a="b" * 64)

    lifecycle.finish_evaluation(ANN, "spring", reason="Enough.")
    with pytest.raises(IntegrityError, match="ends once"), transaction.atomic():
        EvaluationRun.objects.filter(pk=run.pk).update(state="RUNNING", ended_at=None, ended_because="")


def test_one_runs_at_a_time_and_each_has_its_attempt() -> None:
    started()
    approved(name="summer")
    assert refusal(lifecycle.start_evaluation, ANN, "summer") == "evaluation_running"

    lifecycle.finish_evaluation(ANN, "spring", reason="Enough.")

    assert lifecycle.start_evaluation(ANN, "summer").attempt == 2
    assert refusal(lifecycle.start_evaluation, ANN, "spring") == "evaluation_state"


def test_a_run_that_a_change_has_ended_stands_in_nobodys_way() -> None:
    started()
    approved(name="summer")
    make_phase(split_percentage="60")

    lifecycle.start_evaluation(ANN, "summer")

    assert EvaluationRun.objects.get(evaluation__name="spring").state == "ENDED_BY_CHANGE"


def test_a_name_is_given_once() -> None:
    draft()

    assert refusal(draft) == "evaluation_exists"


def test_an_engine_without_registered_rules_cannot_be_pinned() -> None:
    approved()
    execute("UPDATE engines SET rules_hash = '' WHERE name = 'B'")

    assert refusal(lifecycle.start_evaluation, ANN, "spring") == "engine_not_registered"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"worst_block": "2"}, ""),  # sqrt(4) signals, each at most 1 R apart at a weight of 1
        ({"worst_block": "1.99"}, "worst_block_too_small"),
        ({"worst_block": "1.99", "reason": "The desk's limit is 1.5 R a day."}, ""),
        ({"busy_signals": None}, "worst_block_too_small"),
    ],
)
def test_the_worst_block_is_a_promise_that_limits_bear_out(changes: dict[str, Any], code: str) -> None:
    assert code == (refusal(draft, **changes) if code else "" if draft(**changes) else "?")


def test_the_promise_is_held_against_the_policy_at_the_start_again() -> None:
    approved(worst_block="2")
    make_phase(split_percentage="80")  # a weight of 2.5

    assert refusal(lifecycle.start_evaluation, ANN, "spring") == "worst_block_too_small"


def test_at_its_horizon_it_is_finished_without_anybody() -> None:
    hall = Hall()
    started(horizon_blocks=2)
    for day in (0, 1, 2):
        hall.play(day)

    judging.judge_due()

    run = EvaluationRun.objects.get()
    assert (run.state, run.concluded_at is not None) == ("FINISHED", True)
    assert blocks()[-1].judgement["verdict"] == "INCONCLUSIVE"


def test_other_rules_of_an_engine_end_it() -> None:
    started()
    hall = Hall()
    heartbeat = {"engine_version": "2", "rules_hash": "b" * 64}
    assert hall.a.post("heartbeat", heartbeat).status == 200

    judging.judge_due()

    assert "engine A registered other rules" in EvaluationRun.objects.get().ended_because


def test_another_strategy_ends_it() -> None:
    started()
    hall = Hall()
    first, second = hall.signal(), hall.signal()
    assert hall.b.recommend(first, action="DECLINE").status == 201
    assert hall.b.recommend(second, action="DECLINE", strategy_version="2").status == 201

    judging.judge_due()

    assert "engine B answered with strategy version 2" in EvaluationRun.objects.get().ended_because


def test_finishing_twice_is_finishing_once() -> None:
    started()
    for reason in ("Enough.", "Again."):
        run = lifecycle.finish_evaluation(Actor("ann"), "spring", reason=reason)
    assert run.ended_because == "finished by ann: Enough."
    assert make_policy(configured_mode="AUTO").version > run.policy_version_id
