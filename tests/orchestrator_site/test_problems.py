"""Refusals outside the calls themselves: still a problem document, never a page or a server error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from outcomes.models import Incident
from outcomes.services.case import lock_experiment
from tests.database import execute
from tests.factories import api_client
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.desk import Desk, last_amendment, make_desk
from tests.outcomes.services.test_amendments import closed_pair, correction, execution, propose
from tests.threads import uncommitted

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/schema"])
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_documentation_refuses_other_methods_in_json(client: Client, method: str, path: str) -> None:
    answer = getattr(client, method)(path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
    assert answer.json()["code"] == "method_not_allowed"


def test_the_documentation_page_has_no_options_to_show(client: Client) -> None:
    answer = client.options("/api/v1/docs")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/api/v1/heartbeat", "/webhooks/tradingview/a-token/"])
def test_a_host_that_is_not_allowed_is_told_how_to_be(client: Client, path: str) -> None:
    answer = client.post(path, headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert "ALLOWED_HOSTS" in answer.json()["detail"]


def test_people_see_a_page_for_a_host_that_is_not_allowed(client: Client) -> None:
    answer = client.get("/admin/", headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_wrong_hash_is_told_what_a_right_one_looks_like() -> None:
    answer = api_client("engine-a").post("/api/v1/heartbeat", {"engine_version": "1", "rules_hash": "r1"})

    assert answer.status_code == 400
    assert "64 lower-case hexadecimal digits" in answer.json()["detail"]


def _amendment(desk: Desk) -> str:
    propose(desk, closed_pair(desk), correction("exit", execution("1.89")))
    proposed = last_amendment()
    return reverse("admin:outcomes_tradeamendment_accept", args=(proposed,))


def _incident(desk: Desk) -> str:
    assert desk.b.open(desk.experiment, "REAL").code == "double_execution_prevented"
    return reverse("admin:outcomes_incident_acknowledge", args=(Incident.objects.get().pk,))


# Which form, and what another session is at work on.
LOCKED: dict[str, tuple[Callable[[Desk], str], Callable[[Desk], object]]] = {
    "experiment": (_amendment, lambda desk: lock_experiment(desk.experiment.pk)),
    "table": (_amendment, lambda _: execute("LOCK TABLE trade_amendments")),
    "incident": (_incident, lambda _: execute("SELECT FROM incidents FOR UPDATE")),
}
FORM = {"reason": "Checked.", "confirmation": "ACCEPT", "closing": "Sold by phone.", "pnl": "-12.50", "currency": "USD"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("locked", LOCKED)
def test_people_are_told_that_somebody_else_is_changing_the_same_thing(locked: str) -> None:
    form, hold = LOCKED[locked]
    desk = make_desk()
    page, operator = form(desk), logged_in("operator")

    with uncommitted(lambda: hold(desk)):
        execute("SET lock_timeout = '50ms'")
        try:
            answer = operator.post(page, FORM)
        finally:
            execute("RESET lock_timeout")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Somebody else is changing this right now." in answer.content.decode()
    assert operator.post(page, FORM).status_code == 302


@pytest.mark.parametrize("asked", ["trade_amendments", "django_session"])
def test_people_see_a_page_while_the_database_is_away(asked: str) -> None:
    """Whether a view finds out, or whoever asks before it who is signed in."""
    operator = logged_in("operator")
    operator.raise_request_exception = False

    def fail(execute: Any, sql: str, *others: Any) -> Any:
        if asked in sql:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *others)

    with connection.execute_wrapper(fail):
        answer = operator.get(reverse("admin:outcomes_tradeamendment_changelist"))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "The database is away" in answer.content.decode()
