"""R8: the webhook validates and stores, and does nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from signals_app.models import MarketContext, Signal, WebhookDelivery
from tests.database import value
from tests.factories import make_available, make_source
from tests.signals_app.webhook.webhook import alert, send

pytestmark = pytest.mark.django_db

# Tables that hold what is derived from a signal.
DERIVED = ["market_contexts", "experiments", "execution_policy", "signal_distributions", "recommendations"]


def test_r8_1_the_payload_is_validated_before_anything_is_stored() -> None:
    make_source()

    answers = [send(b"not json"), send(b"{}"), send(alert(direction="maybe")), send(alert(timeframe="soon"))]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert [answer.json()["code"] for answer in answers] == [
        "invalid_json",
        "symbol_missing",
        "direction_invalid",
        "timeframe_invalid",
    ]
    assert not Signal.objects.exists()


def test_r8_2_a_valid_alert_is_stored_in_the_signals_table() -> None:
    make_source()

    answer = send(alert(symbol="TWX")).json()

    signal = Signal.objects.get()
    assert (str(signal.signal_id), signal.signal_hash) == (answer["signal_id"], answer["signal_hash"])
    assert (signal.symbol, signal.direction, signal.timeframe, signal.status) == ("TWX", "LONG", "5m", "PENDING")


def test_r8_2_an_alert_that_is_sent_again_is_not_stored_again() -> None:
    make_source()
    body = alert()

    assert [send(body).json()["status"] for _ in range(4)] == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert Signal.objects.count() == 1
    assert WebhookDelivery.objects.count() == 4


@pytest.mark.parametrize("state", ["new", "repeated", "recorded", "stale"])
def test_r8_3_everything_understood_is_answered_200_after_a_fixed_number_of_statements(
    state: str, django_assert_max_num_queries: Any
) -> None:
    make_source()
    body = {
        "new": alert(symbol="NEW"),
        "repeated": alert(timestamp=alert()["timestamp"]),
        "recorded": alert(action="exit"),
        "stale": alert(timestamp="2020-01-01T00:00:00Z"),
    }[state]
    if state == "repeated":
        send(body)

    # No statement waits for anything but a competing insert of the same alert, which is one statement, too.
    with django_assert_max_num_queries(4):
        assert send(body).status_code == 200


def test_r8_4_no_engine_hears_of_an_alert_before_the_worker_ran() -> None:
    make_source()
    make_available("A", "B")

    send()

    assert value("SELECT count(*) FROM signal_distributions") == 0
    drain()
    assert value("SELECT count(*) FROM signal_distributions") == 2


def test_r8_4_the_webhook_calls_nobody(calls_to_others: list[str]) -> None:
    make_source()

    statuses = [send(body).status_code for body in (alert(), alert(action="exit"), b"no json", alert(direction="up?"))]

    assert statuses == [200, 200, 400, 400]
    assert calls_to_others == []


def test_r8_5_neither_context_nor_experiment_is_made() -> None:
    make_source()

    for body in (alert(), alert(symbol="QQQ"), alert(action="close")):
        send(body)

    assert {table: value(f"SELECT count(*) FROM {table}") for table in DERIVED} == dict.fromkeys(DERIVED, 0)
    assert not MarketContext.objects.exists()
    assert not Experiment.objects.exists()


def test_r8_5_the_worker_makes_them_from_the_stored_signal_later() -> None:
    make_source()
    send()

    drain()

    assert Experiment.objects.get().signal == Signal.objects.get()
    assert Signal.objects.get().status == "PROCESSED"
