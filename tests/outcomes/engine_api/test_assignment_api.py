"""`GET assignments/{experiment_id}`: the same document again, for this engine only, unchanged for ever."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.database import execute, execute_unguarded
from tests.factories import api_client, make_experiment, make_signal
from tests.orchestrator_site.console.test_missing_rows import lose
from tests.outcomes.desk import make_desk

pytestmark = pytest.mark.django_db
CLAIM = "/api/v1/assignments/claim"


def get(experiment_id: object, owner: str = "engine-a", **headers: str) -> Any:
    return api_client(owner).get(f"/api/v1/assignments/{experiment_id}", headers=headers)


def test_it_is_the_document_of_the_claim() -> None:
    experiment = make_experiment("A")
    (assignment,) = api_client("engine-a").post(CLAIM, {}).json()["assignments"]

    response = get(experiment.pk)

    assert response.status_code == 200
    assert response.json() == assignment


def test_it_can_be_read_before_any_claim_and_takes_no_lease() -> None:
    experiment = make_experiment("A")

    assert get(experiment.pk).json()["lease_expires_at"] is None
    assert len(api_client("engine-a").post(CLAIM, {}).json()["assignments"]) == 1


def test_an_id_means_the_same_in_either_case() -> None:
    experiment = make_experiment("A")

    assert get(str(experiment.pk).upper()).json() == get(experiment.pk).json()


def test_it_is_still_there_after_the_answer() -> None:
    experiment = make_experiment("A")
    execute("UPDATE signal_distributions SET answered_at = now()")

    assert get(experiment.pk).status_code == 200


def test_both_engines_read_the_same_bytes() -> None:
    experiment = make_experiment("B")

    assert get(experiment.pk, "engine-a").content == get(experiment.pk, "engine-b").content


@pytest.mark.parametrize("experiment_id", [UUID(int=0), UUID(int=4), "not-a-uuid", "1", "%00", "..", "a" * 300])
def test_what_does_not_exist_is_a_404_in_one_form(experiment_id: object) -> None:
    response = get(experiment_id)

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_found"


def test_the_experiment_of_another_engine_is_the_same_404_as_none() -> None:
    experiment = make_experiment("A")
    execute_unguarded("DELETE FROM signal_distributions WHERE engine = 'B'")

    problems = [get(pk, "engine-b").json() | {"request_id": ""} for pk in (experiment.pk, UUID(int=0))]

    assert problems[0] == problems[1]
    assert problems[0]["status"] == 404


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("experiments", "the experiment {experiment}"),
        ("market_contexts", "the market context"),
        ("policy_versions", "policy version {version}"),
        ("signal_distributions", "the distribution to engine {engine}"),
    ],
)
@pytest.mark.parametrize("owner", ["engine-a", "engine-b"])
def test_a_row_of_it_that_somebody_has_deleted_is_named(owner: str, table: str, what: str) -> None:
    desk = make_desk()
    experiment = desk.experiment
    names = {"experiment": experiment.pk, "version": experiment.policy_version_id, "engine": owner[-1].upper()}
    lose(table)

    renewed = api_client(owner).post(f"/api/v1/assignments/{desk.experiment.pk}/renew", {"lease_seconds": 60})

    for answer in (get(desk.experiment.pk, owner), renewed):
        assert (answer.status_code, answer.json()["code"]) == (409, "history_incomplete")
        assert answer.json()["detail"] == f"Deleted from the database: {what.format(**names)}."


def test_a_signal_id_is_no_experiment_id() -> None:
    assert get(make_signal().pk).status_code == 404


def test_the_etag_is_the_context_hash() -> None:
    experiment = make_experiment("A")

    response = get(experiment.pk)

    assert response["ETag"] == f'"{response.json()["context_hash"]}"'
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("form", ["{etag}", "W/{etag}", '"other", {etag}', "*", "{etag},{etag}"])
def test_who_has_the_document_already_gets_an_empty_304(form: str) -> None:
    experiment = make_experiment("A")
    etag = get(experiment.pk)["ETag"]

    response = get(experiment.pk, **{"If-None-Match": form.format(etag=etag)})

    assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)


@pytest.mark.parametrize("header", ['"other"', "", "nonsense", 'W/"', "\x00"])
def test_who_has_another_document_gets_this_one(header: str) -> None:
    experiment = make_experiment("A")

    assert get(experiment.pk, **{"If-None-Match": header}).status_code == 200


def test_a_304_needs_a_key_too() -> None:
    experiment = make_experiment("A")
    etag = get(experiment.pk)["ETag"]

    assert get(experiment.pk, "feeder", **{"If-None-Match": etag}).status_code == 403
    assert get(UUID(int=0), **{"If-None-Match": "*"}).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_an_assignment_cannot_be_written(method: str) -> None:
    experiment = make_experiment("A")

    assert getattr(api_client("engine-a"), method)(f"/api/v1/assignments/{experiment.pk}").status_code == 405
