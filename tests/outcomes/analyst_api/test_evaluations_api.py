"""`GET /api/v1/evaluations`: the verdict with everything that it was made of, for analysts alone."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.canonical import document_hash
from outcomes.evaluations import judging, lifecycle
from tests.factories import api_client
from tests.outcomes.evaluations.hall import ANN, Hall, draft, make_phase, started

pytestmark = pytest.mark.django_db
URL = "/api/v1/evaluations"


@pytest.fixture
def hall() -> Hall:
    make_phase()
    return Hall()


def shown(name: str = "spring") -> dict[str, Any]:
    answer = api_client("analyst").get(f"{URL}/{name}")
    assert answer.status_code == 200, answer.content
    document: dict[str, Any] = answer.json()
    return document


def test_a_draft_has_its_content_and_no_figure_yet(hall: Hall) -> None:
    draft()

    document = shown()

    assert (document["state"], document["verdict"], document["attempt"]) == ("DRAFT", None, None)
    assert document["content"]["worst_block"] == "9.00"
    assert document["content_hash"] == document_hash(document["content"])


def test_a_running_one_tells_what_its_next_block_waits_for(hall: Hall) -> None:
    started()
    hall.play(0, a="2.78")
    hall.play(1, a="2.78")
    hall.play(1, a="2.78")
    judging.judge_due()

    document = shown()

    assert (document["state"], document["verdict"], document["at_block"]) == ("RUNNING", "RUNNING", None)
    assert [(block["from"], block["n"], block["x_low"]) for block in document["blocks"]] == [("2014-06-02", 1, "1.0")]
    assert document["waits"] == {"for": "the end of the block", "until": None, "from": "2014-06-03", "to": "2014-06-03"}
    assert document["evidence"]["needed"] == "40.0"
    assert "evidence 1.07 for A and 0.93 for B, of 40 needed, after 1 block." in document["sentence"]
    assert document["flags"] == ["NO_HISTORY"]


def test_the_report_hash_is_of_what_was_judged(hall: Hall) -> None:
    started()
    hall.play(0)
    first = shown()["report_hash"]
    hall.play(1)
    assert shown()["report_hash"] == first

    judging.judge_due()

    assert shown()["report_hash"] != first


def test_the_sentence_numbers_the_attempt_and_names_those_before(hall: Hall) -> None:
    for name in ("spring", "summer"):
        started(name=name)
        lifecycle.finish_evaluation(ANN, name, reason="Enough.")
        judging.judge_due()

    found = shown("summer")
    assert found["sentence"].endswith("Attempt 2, after spring (INCONCLUSIVE).")
    assert found["earlier"] == [{"name": "spring", "verdict": "INCONCLUSIVE"}]


def test_the_list_shows_all_with_their_verdicts(hall: Hall) -> None:
    started()
    draft(name="summer")

    found = api_client("analyst").get(URL).json()["evaluations"]

    assert [(one["name"], one["state"], one["verdict"]) for one in found] == [
        ("summer", "DRAFT", None),
        ("spring", "RUNNING", "RUNNING"),
    ]


@pytest.mark.parametrize(("owner", "status"), [("engine-a", 403), ("feeder", 403)])
def test_nobody_else_may_look(owner: str, status: int) -> None:
    assert api_client(owner).get(URL).status_code == api_client(owner).get(f"{URL}/spring").status_code == status


def test_an_unknown_name_is_not_found() -> None:
    assert api_client("analyst").get(f"{URL}/none").json()["code"] == "not_found"
