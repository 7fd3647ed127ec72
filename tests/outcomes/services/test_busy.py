"""A call that meets another at work on its experiment is told to come again; the database is not to blame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from orchestrator_site import api_errors
from outcomes.models import RealTrade, Recommendation
from outcomes.services.case import lock_experiment
from tests.database import execute
from tests.outcomes.desk import Answer, Desk, EngineClient, make_desk, recommendation, trade
from tests.threads import succeeded, together, uncommitted

pytestmark = pytest.mark.django_db(transaction=True)

CALLS: dict[str, Callable[[Desk], tuple[str, Any]]] = {
    "recommendation": lambda desk: ("recommendations", recommendation(desk.experiment)),
    "permit": lambda desk: (f"permits/{desk.experiment.pk}/confirm", {}),
    "opening": lambda desk: ("trades", trade(desk.experiment)),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_waits_too_long_for_another_is_told_to_come_again(call: str) -> None:
    desk = make_desk()
    path, body = CALLS[call](desk)

    with uncommitted(lambda: lock_experiment(desk.experiment.pk)):
        execute("SET lock_timeout = '50ms'")
        try:
            response = desk.a.client.post(f"/api/v1/{path}", body, format="json")
        finally:
            execute("RESET lock_timeout")
    afterwards = desk.a.client.post(f"/api/v1/{path}", body, format="json")

    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (429, "busy", "1")
    assert afterwards.status_code in (200, 201)


def test_of_50_calls_at_once_on_one_experiment_each_is_done_refused_or_told_to_come_again() -> None:
    desk = make_desk(recommended=False)
    engines = [EngineClient("A") for _ in range(10)]

    def call(number: int) -> Answer:
        # As the web server sets it for every session.
        execute("SET lock_timeout = '900ms'")
        engine = engines[number % 10]
        calls = [
            lambda: engine.recommend(desk.experiment, recommendation=number % 2),
            lambda: engine.confirm(desk.experiment),
            lambda: engine.open(desk.experiment, quantity=str(1 + number % 2)),
        ]
        return calls[number // 10 % 3]()

    answers = succeeded(together(*[lambda number=number: call(number) for number in range(50)]))

    assert {answer.status for answer in answers} <= {200, 201, 409, 429}
    assert {answer.code for answer in answers if answer.status == 429} <= {"busy"}
    assert Recommendation.objects.count() == 1
    assert RealTrade.objects.count() <= 1


def test_a_database_that_is_gone_is_still_called_unavailable() -> None:
    desk = make_desk()

    def fail(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(fail):
        response = desk.a.client.post("/api/v1/recommendations", {}, format="json")

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response["Retry-After"] == api_errors.RETRY_AFTER["database_unavailable"]
