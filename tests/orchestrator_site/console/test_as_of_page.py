"""As of, in the admin: what was in force at a past instant, and the decision for a signal then."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from experiments.worker.pipeline import drain
from policies.models import PolicyVersion
from policies.services import engage_halt, record_heartbeat, release_halt
from tests.database import execute, value
from tests.experiments.raw_rows import without_triggers
from tests.factories import make_experiment, make_policy, make_signal
from tests.orchestrator_site.console.rows import logged_in
from tests.policies.control import ADA, BOB

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return logged_in("viewer")


def look(client: Client, **query: str) -> Any:
    answer = client.get(reverse("admin:as_of"), query)
    assert answer.status_code == 200
    return answer


def now() -> str:
    moment: datetime = value("SELECT clock_timestamp()")
    return moment.isoformat()


def test_the_policy_and_the_halt_of_then_are_shown(viewer: Client) -> None:
    make_policy(configured_mode="SHADOW_ONLY")
    engage_halt(ADA, reason="strange fills")
    then = now()
    release_halt(BOB, reason="found it")
    make_policy(configured_mode="ENGINE_A_PRIMARY")

    page = look(viewer, at=then).content.decode()

    assert "SHADOW_ONLY" in page
    assert "strange fills" in page
    assert "ENGINE_A_PRIMARY" not in page


def test_a_signal_alone_is_as_of_its_decision_and_equal_to_what_is_stored(viewer: Client) -> None:
    for engine in ("A", "B"):
        record_heartbeat(engine, engine_version="1", rules_hash="a" * 64)
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    signal = make_signal()
    drain()
    make_policy(configured_mode="SHADOW_ONLY")

    answer = look(viewer, signal=str(signal.pk))

    assert answer.context["decision"].disagreements == ()
    assert "Matches the stored decision" in answer.content.decode()


def test_a_signal_at_another_time_shows_what_it_would_have_been(viewer: Client) -> None:
    experiment = make_experiment("A")
    make_policy(configured_mode="SHADOW_ONLY")

    page = " ".join(look(viewer, signal=str(experiment.signal_id), at=now()).content.decode().split())

    assert "Decision at that time: SHADOW_ONLY, no engine trades for real (CONFIGURED)" in page
    assert "The stored decision was made at" in page


def test_a_stored_decision_that_does_not_follow_from_the_history_is_told(viewer: Client) -> None:
    experiment = make_experiment("A")
    with without_triggers():
        execute("UPDATE policy_versions SET configured_mode = 'ENGINE_B_PRIMARY' WHERE version = 2")

    page = look(viewer, signal=str(experiment.signal_id)).content.decode()

    assert "The stored decision does not match the history" in page
    assert "inputs.configured_mode" in page


@pytest.mark.parametrize(("query", "field"), [
    ({"at": ""}, "at"), ({"at": "yesterday"}, "at"), ({"at": "2099-01-01T00:00Z"}, "at"),
    ({"at": "1999-01-01T00:00Z"}, "at"), ({"signal": "x"}, "signal"), ({"signal": str(uuid4())}, "signal"),
    ({"at": "\x00"}, "at"), ({"signal": "\x00"}, "signal"),
])  # fmt: skip
def test_what_cannot_be_answered_is_told_beside_its_field(viewer: Client, query: dict[str, str], field: str) -> None:
    answer = look(viewer, **query)

    assert list(answer.context["form"].errors) == [field]
    assert answer.context["then"] is None


def test_an_undecided_signal_without_a_time_is_told(viewer: Client) -> None:
    answer = look(viewer, signal=str(make_signal().pk))

    assert answer.context["form"].errors["at"] == ["This signal has not been decided yet; specify a time."]


def test_the_first_version_is_there_from_its_activation(viewer: Client) -> None:
    first = PolicyVersion.objects.get()

    answer = look(viewer, at=first.activated_at.isoformat())

    assert answer.context["then"].policy == first


def test_who_may_not_see_policies_gets_none(client: Client) -> None:
    assert logged_in().get(reverse("admin:as_of")).status_code == 403
    assert client.get(reverse("admin:as_of")).status_code == 302
