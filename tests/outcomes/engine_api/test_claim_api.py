"""`POST assignments/claim`: what is in an assignment and what is not, bounds, and how long a claim waits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import rfc8785
from django.utils.dateparse import parse_datetime

from experiments.distribution import claim_assignments
from experiments.worker.pipeline import drain
from tests.database import execute, value
from tests.factories import api_client, make_available, make_experiment, make_policy, make_signal
from tests.threads import in_background

URL = "/api/v1/assignments/claim"
MEMBERS = {
    "experiment_id",
    "signal",
    "market_context",
    "context_hash",
    "distributed_at",
    "answer_by",
    "lease_expires_at",
}
# Whatever could tell an engine which role it will have.
TELLING = {
    "role", "variant", "bucket", "assignment_hash", "assignment_key_id", "split_percentage", "policy_version",
    "execution_mode", "executed_engine", "shadow_engine", "reason", "decision_hash", "configured_mode", "engine",
    "kind",
}  # fmt: skip


def claim(owner: str = "engine-a", **body: Any) -> Any:
    return api_client(owner).post(URL, body)


def claimed(owner: str = "engine-a", **body: Any) -> list[dict[str, Any]]:
    response = claim(owner, **body)
    assert response.status_code == 200, response.content
    assignments: list[dict[str, Any]] = response.json()["assignments"]
    return assignments


def member_names(document: Any) -> Iterator[str]:
    """Return the names of all members at any depth."""
    if isinstance(document, dict):
        for name, member in document.items():
            yield name
            yield from member_names(member)
    elif isinstance(document, list):
        for item in document:
            yield from member_names(item)


@pytest.mark.django_db
def test_a_claim_gives_the_work_of_a_decided_signal() -> None:
    experiment = make_experiment("A")

    (assignment,) = claimed()

    context = json.loads(value("SELECT context::text FROM market_contexts"))
    assert set(assignment) == MEMBERS
    assert assignment["experiment_id"] == str(experiment.pk)
    assert assignment["market_context"] == context
    assert assignment["signal"] == context["signal"]
    assert assignment["context_hash"] == value("SELECT context_hash FROM market_contexts")
    assert parse_datetime(assignment["distributed_at"]) == value(
        "SELECT distributed_at FROM signal_distributions LIMIT 1"
    )


@pytest.mark.django_db
def test_times_are_rfc_3339_in_utc() -> None:
    make_experiment("A")

    (assignment,) = claimed(lease_seconds=90)

    assert assignment["distributed_at"].endswith("Z")
    assert parse_datetime(assignment["lease_expires_at"]) == value("SELECT now() + interval '90 seconds'")


@pytest.mark.django_db
def test_the_context_hash_can_be_computed_from_the_answer() -> None:
    make_experiment("A")

    (assignment,) = claimed()

    assert hashlib.sha256(rfc8785.dumps(assignment["market_context"])).hexdigest() == assignment["context_hash"]


@pytest.mark.django_db
@pytest.mark.parametrize("executed", ["A", "B", None])
@pytest.mark.parametrize("owner", ["engine-a", "engine-b"])
def test_an_engine_cannot_see_its_role(owner: str, executed: str | None) -> None:
    make_experiment(executed)

    (assignment,) = claimed(owner)

    assert TELLING.isdisjoint(member_names(assignment))
    assert not {"REAL", "SHADOW", "SHADOW_ONLY"} & set(json.dumps(assignment).replace('"', " ").split())


@pytest.mark.django_db
@pytest.mark.parametrize("executed", ["A", "B", None])
def test_both_engines_are_given_the_same_bytes(executed: str | None) -> None:
    make_experiment(executed)
    answers = [claim(owner, lease_seconds=60) for owner in ("engine-a", "engine-b")]

    # now() stands still in this test's transaction, so that even the lease ends at one instant.
    first, second = (answer.content.replace(answer.json()["lease_token"].encode(), b"") for answer in answers)
    assert first == second


@pytest.mark.django_db
def test_there_is_no_work_before_a_signal_is_decided() -> None:
    make_signal()
    assert claimed() == []

    drain()
    assert len(claimed()) == 1


@pytest.mark.django_db
def test_the_oldest_work_comes_first_up_to_the_limit() -> None:
    experiments = [make_experiment("A") for _ in range(4)]

    first, second = claimed(limit=3), claimed(limit=3)

    ids = [assignment["experiment_id"] for assignment in first + second]
    assert ids == [str(experiment.pk) for experiment in experiments]
    assert len(first) == 3


@pytest.mark.django_db
def test_ten_are_claimed_when_no_limit_is_given() -> None:
    make_available("A", "B")
    for _ in range(12):
        make_signal()
    drain()

    assert [len(claimed()) for _ in range(3)] == [10, 2, 0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        {"limit": 1}, {"limit": 100}, {"lease_seconds": 1}, {"lease_seconds": 3600}, {"wait_seconds": 0},
        {"wait_seconds": 25}, {"wait_seconds": 0.5}, {},
    ],
)  # fmt: skip
def test_values_within_their_bounds_are_taken(body: dict[str, Any]) -> None:
    make_experiment("A")

    assert len(claimed(**body)) == 1


WRONG: dict[str, list[Any]] = {
    "limit": [0, -1, 101, 10**30, 1.5, "many", None, True, [1], {}, ""],
    "lease_seconds": [0, -1, 3601, 0.5, "long", None, True, [60]],
    "wait_seconds": [-0.1, -1, 25.1, 26, 10**400, "nan", "inf", "soon", None, [1], {}],
    "engine": ["B", None],
    "role": ["REAL"],
}


@pytest.mark.django_db
@pytest.mark.parametrize(("field", "wrong"), [(field, wrong) for field in WRONG for wrong in WRONG[field]])
def test_wrong_values_and_unknown_fields_are_a_400_that_names_them(field: str, wrong: Any) -> None:
    make_experiment("A")

    response = claim(**{field: wrong})

    assert response.status_code == 400
    if wrong != 10**400:  # refused by the decoder already, as a number that no double can hold
        assert [error["pointer"] for error in response.json()["errors"]] == [f"/{field}"]
    assert value("SELECT count(*) FROM signal_distributions WHERE lease_token IS NOT NULL") == 0


@pytest.mark.django_db
def test_a_claim_needs_an_engines_key() -> None:
    assert claim("analyst").status_code == 403
    assert claim("feeder").status_code == 403


@pytest.mark.django_db
def test_a_halt_or_a_new_policy_takes_no_work_away() -> None:
    make_experiment("A")
    make_policy(configured_mode="SHADOW_ONLY")
    execute("UPDATE engines SET enabled = false")

    assert len(claimed()) == 1


# Waiting for work


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_waits_gets_the_work_that_comes() -> None:
    with in_background(partial(claim_assignments, "A", limit=5, lease_seconds=60, wait_seconds=25)) as waiting:
        experiment = make_experiment("A")
        (assignment,) = waiting.result()

    assert assignment.experiment_id == experiment.pk


@pytest.mark.django_db
def test_a_claim_that_waits_answers_at_once_when_there_is_work() -> None:
    make_experiment("A")

    # A wait of 25 s would hold up the whole suite.
    assert len(claimed(wait_seconds=25)) == 1


@pytest.mark.django_db
def test_a_claim_that_waits_in_vain_answers_with_nothing() -> None:
    assert claimed(wait_seconds=0.3) == []
