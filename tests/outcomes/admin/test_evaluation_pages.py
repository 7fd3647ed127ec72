"""Evaluations in the admin: each step by whoever has the permission, and one page with every figure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from outcomes.evaluations import judging
from outcomes.models import Evaluation, EvaluationBlock, EvaluationRun
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.evaluations.hall import PLAN, Hall, approved, draft, make_phase, started
from tests.outcomes.evaluations.pages import text, url
from tests.pages import table_rows

pytestmark = pytest.mark.django_db

FORM = {name: value for name, value in PLAN.items() if name != "starts_at"} | {
    "starts_at": "2014-06-02T04:00",
    "reason": "The desk's limits.",
}


def told(answer: Any) -> list[dict[str, str]]:
    """What is told line by line."""
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


@pytest.fixture(autouse=True)
def phase() -> None:
    make_phase()


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def test_a_draft_is_written_on_a_form_and_nobody_approves_his_own(operator: Client) -> None:
    answer = operator.post(url("write"), FORM, follow=True)

    evaluation = Evaluation.objects.get()
    assert "Draft spring created" in text(answer)
    assert (evaluation.created_by, evaluation.plan.document()["starts_at"]) == (
        "operator",
        "2014-06-02T04:00:00.000000Z",
    )
    assert url("approve", evaluation.pk) not in text(answer)
    refused = operator.post(url("approve", evaluation.pk), {"content_hash": evaluation.content_hash})
    assert "You cannot approve your own evaluation." in text(refused)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_days": "0"}, "Must be a whole number from 1 to 91."),
        ({"block_days": "3", "max_hold_days": "2"}, "Must be at least twice max_hold_days: 4 days or more."),
        ({"worst_block": "much"}, "Must be a number, 0 or more"),
        ({"note": ""}, "This field is required."),
        ({"starts_at": "tomorrow"}, "Enter a time in UTC"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(operator: Client, changes: dict[str, str], message: str) -> None:
    answer = operator.post(url("write"), FORM | changes)

    assert message in text(answer)
    assert not Evaluation.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({}, {"html": "Draft spring created. Somebody else must approve it."}),
        ({"worst_block": "1.5"}, {"error": "limits and history ask for; give the reason."}),
        ({"busy_signals": ""}, {"error": "Nothing tells how bad a block can be"}),
    ],
)
def test_a_promise_without_a_reason_is_held_against_history_while_the_page_says_how_far_it_is(
    operator: Client, changes: dict[str, str], last: dict[str, str]
) -> None:
    hall = Hall()
    for day in range(2):
        hall.play(day, a="2.78")
    asked = FORM | {"reason": ""} | changes

    page = operator.post(url("write"), asked)
    at_once = Evaluation.objects.count()
    *steps, end = told(operator.post(url("write"), dict(page.context["asked"])))

    assert (at_once, Evaluation.objects.count()) == (0, "html" in last)
    assert [step["told"] for step in steps] == ["1 block of history read", "2 blocks of history read"]
    ((kind, words),) = last.items()
    assert words in end[kind]
    # The way back keeps what was filled in.
    assert f'value="{asked["worst_block"]}"' in text(operator.get(page.context["back"]))


def test_a_name_that_is_taken_is_refused_before_history_is_read(operator: Client) -> None:
    draft()

    assert "An evaluation named spring already exists." in text(operator.post(url("write"), FORM))


@pytest.mark.django_db(transaction=True)
def test_it_is_approved_started_and_finished_by_buttons(operator: Client) -> None:
    evaluation = draft()
    shown = text(operator.get(url("verdict", "spring")))
    assert (url("approve", evaluation.pk) in shown, url("start", evaluation.pk) in shown) == (True, False)

    content = {"content_hash": evaluation.content_hash}
    operator.post(url("approve", evaluation.pk), content)
    assert url("start", evaluation.pk) in text(operator.get(url("verdict", "spring")))
    page = operator.post(url("start", evaluation.pk), content)
    assert not EvaluationRun.objects.exists()
    (end,) = told(operator.post(url("start", evaluation.pk), dict(page.context["asked"])))
    assert "Evaluation spring runs as attempt 1." in end["html"]
    operator.post(url("finish", evaluation.pk), {"reason": "Enough."})

    run = EvaluationRun.objects.get()
    assert (run.state, run.ended_because) == ("FINISHED", "finished by operator: Enough.")


def test_a_page_that_shows_another_content_approves_nothing(operator: Client) -> None:
    evaluation = draft()

    answer = operator.post(url("approve", evaluation.pk), {"content_hash": "0" * 64})

    assert "not the one you reviewed" in text(answer)
    assert not hasattr(Evaluation.objects.get(), "approval")


def test_the_page_shows_every_figure() -> None:
    hall = Hall()
    run = started()
    for day in range(3):
        hall.play(day, a="2.78")
    judging.judge_due()
    viewer = logged_in("viewer")

    page = text(viewer.get(url("change", run.pk), follow=True))

    rows = table_rows(page)
    assert [row[:8] for row in rows if row[0].startswith("2014-06-0") and len(row) == 11] == [
        ["2014-06-02", "2014-06-02", "1", "1", "1", "1.0", "1.0", "1.0"],
        ["2014-06-03", "2014-06-03", "2", "1", "1", "1.0", "1.0", "1.0"],
    ]
    assert "of 40 needed, after 2 blocks." in page
    assert "NO_HISTORY" in page
    assert "strategy of A 1.0, of B 1.0" in page
    block = EvaluationBlock.objects.get(number=2)
    assert viewer.get(reverse("admin:outcomes_evaluationblock_change", args=(block.pk,))).status_code == 200
    assert viewer.get(reverse("admin:outcomes_evaluationblock_changelist")).status_code == 200
    assert "RUNNING" in text(viewer.get(url("changelist")))


def test_the_page_leads_to_the_attempts_before_it(operator: Client) -> None:
    first = started()
    operator.post(url("finish", first.pk), {"reason": "Enough."})
    started(name="summer")

    assert f'href="{url("verdict", "spring")}"' in text(operator.get(url("verdict", "summer")))


@pytest.mark.parametrize("group", ["viewer", "analyst"])
def test_who_may_only_look_is_offered_nothing_and_refused_everything(group: str) -> None:
    client, evaluation = logged_in(group), approved()

    assert url("start", evaluation.pk) not in text(client.get(url("verdict", "spring")))
    for page in (url("write"), *(url(step, evaluation.pk) for step in ("approve", "start", "finish"))):
        assert client.post(page, {"content_hash": evaluation.content_hash}).status_code == 403


def test_the_page_of_none_is_not_found(operator: Client) -> None:
    for page in ("change", "approve"):
        assert operator.get(url(page, "999")).status_code == 404


def test_the_form_begins_with_what_a_proposal_or_the_address_says(operator: Client) -> None:
    page = text(operator.get(url("write"), {"block_days": "14", "worst_block": "7.5", "prices": "ENGINES"}))

    assert 'name="block_days" value="14"' in page
    assert 'name="worst_block" value="7.5"' in page
    assert '<option value="ENGINES" selected>ENGINES: all but model prices</option>' in page
    # Nothing is computed before somebody asks.
    assert url("propose_run") not in page


def test_history_is_asked_for_terms_that_are_wrong_by_nobody(operator: Client) -> None:
    asked = {"metric": "R", "estimand": "SYNCHRONISED", "prices": "NEUTRAL", "clock": "WALL", "max_hold_days": "3"}
    draft()

    page = text(operator.get(url("write"), asked | {"difference": "0"}))
    refused = operator.get(url("propose_run"), asked | {"difference": "0"})
    unread = operator.get(url("rehearse_run", "spring"), {"since": "yesterday"})

    assert "Ensure this value is greater than or equal to" in page
    assert url("propose_run") not in page
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["difference"])
    assert (unread.status_code, list(unread.json()["errors"])) == (400, ["since"])
    assert operator.get(url("rehearse_run", "winter")).status_code == 404


def test_who_may_not_look_computes_nothing() -> None:
    draft()
    nobody = logged_in()

    for page in (url("latest"), url("propose_run"), url("rehearse", "spring"), url("rehearse_run", "spring")):
        assert nobody.get(page).status_code == 403
