"""Calls that wait for something to answer: at once when it comes, refused when too many wait, never empty too early."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
from django.conf import settings

from experiments import distribution
from tests.factories import api_client
from tests.outcomes.desk import make_desk
from tests.threads import in_background

CALLS = [
    ("engine-a", "post", "assignments/claim", {"wait_seconds": 25}),
    ("engine-b", "get", "exit-directives?wait_seconds=25", None),
    ("feeder", "get", "quote-requests?wait_seconds=25", None),
]


def call(owner: str, method: str, path: str, body: Any) -> Any:
    return getattr(api_client(owner), method)(f"/api/v1/{path}", body)


@contextmanager
def as_many_wait_as_may(*callers: str) -> Iterator[None]:
    places = [distribution._waiting[caller] for caller in callers]
    for each in places * settings.LONG_POLLS:
        assert each.acquire(blocking=False)
    yield
    for each in places * settings.LONG_POLLS:
        each.release()


@pytest.mark.django_db
@pytest.mark.parametrize("asked", CALLS)
def test_one_call_too_many_is_refused_and_told_when_to_come_back(asked: tuple[str, str, str, Any]) -> None:
    with as_many_wait_as_may({"engine-a": "A", "engine-b": "B"}.get(asked[0], asked[0])):
        answer = call(*asked)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_polls")
    assert answer["Retry-After"] == "1"


@pytest.mark.django_db
def test_a_call_that_does_not_wait_is_answered_however_many_wait() -> None:
    with as_many_wait_as_may("B"):
        assert call("engine-b", "get", "exit-directives", None).json() == {"exit_directives": []}


@pytest.mark.django_db
def test_no_engine_meets_its_rival_where_it_waits() -> None:
    """Who waits for directives has a shadow: a place that it takes from the other would tell."""
    with as_many_wait_as_may("A", "feeder"):
        answer = call("engine-b", "get", "exit-directives?wait_seconds=0.3", None)

    assert (answer.status_code, answer.json()) == (200, {"exit_directives": []})


@pytest.mark.django_db
def test_a_call_that_waits_in_vain_is_answered_empty_after_its_time() -> None:
    begin = monotonic()

    answer = call("engine-b", "get", "exit-directives?wait_seconds=0.5", None)

    assert answer.json() == {"exit_directives": []}
    assert monotonic() - begin >= 0.5


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["wait_seconds=26", "wait_seconds=-1", "wait=1"])
def test_a_wrong_wait_is_refused(query: str) -> None:
    assert call("engine-b", "get", f"exit-directives?{query}", None).json()["code"] == "invalid"


@pytest.mark.django_db(transaction=True)
def test_an_engine_that_waits_hears_of_the_exit_of_its_shadow() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()

    with in_background(lambda: desk.b.get("exit-directives?wait_seconds=25").body) as waiting:
        desk.a.close(real_id)
        told = waiting.result()

    assert [directive["trade_id"] for directive in told["exit_directives"]] == [shadow_id]
