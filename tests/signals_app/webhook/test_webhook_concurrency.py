"""The same alert several times at the same moment (R8.2, R10.1)."""

from __future__ import annotations

from typing import Any

import pytest

from signals_app.models import Signal, WebhookDelivery
from signals_app.webhook import store
from tests.database import value
from tests.factories import make_source
from tests.signals_app.webhook.webhook import alert, send
from tests.threads import succeeded, tables_without_constraints, together, unguarded

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 25


def send_at_once(*bodies: dict[str, Any]) -> list[str]:
    """Send the alerts from a thread each and return what became of them, sorted."""
    answers = succeeded(together(*[lambda body=body: send(body) for body in bodies]))
    assert {answer.status_code for answer in answers} == {200}
    return sorted(answer.json()["status"] for answer in answers)


def test_one_alert_from_two_threads_makes_one_signal() -> None:
    make_source()
    for number in range(ROUNDS):
        body = alert(symbol=f"S{number}")

        assert send_at_once(body, body) == ["accepted", "duplicate"]

    assert Signal.objects.count() == ROUNDS
    assert WebhookDelivery.objects.count() == 2 * ROUNDS


def test_two_payloads_for_one_key_at_once_make_one_signal_and_a_conflict() -> None:
    make_source()
    body = alert()

    assert send_at_once(body | {"close": 1}, body | {"close": 2}) == ["accepted", "conflict"]


@pytest.mark.usefixtures("in_a_thread")
def test_without_the_unique_keys_one_alert_would_make_two_signals() -> None:
    make_source()
    body = alert()

    with tables_without_constraints("signals"):
        answers = succeeded(together(*[unguarded(lambda: send(body)) for _ in range(2)]))

        assert [answer.json()["status"] for answer in answers] == ["accepted", "accepted"]
        assert value("SELECT count(*) FROM unguarded.signals") == 2


def test_signal_and_delivery_are_stored_together_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    make_source()
    monkeypatch.setattr(
        store,
        "STORE_ALERTS",
        store.STORE_ALERTS.replace("body_sha256, outcome, code, detail,", "body_sha256, 'no outcome', code, detail,"),
    )

    assert send().status_code == 500

    assert not Signal.objects.exists()
    assert not WebhookDelivery.objects.exists()
