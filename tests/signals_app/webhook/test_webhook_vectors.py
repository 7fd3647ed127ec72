"""The known answers of tests/golden/alerts.json, sent to the real webhook one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine

from signals_app.models import Signal, WebhookDelivery
from signals_app.webhook.sources import hash_of_secret
from tests.factories import make_source
from tests.signals_app.alerts.test_alert_vectors import GOLDEN, SECRET, Row, body_of, parse
from tests.signals_app.webhook.webhook import send

pytestmark = pytest.mark.django_db

ROWS: list[Row] = json.loads(GOLDEN.read_text())["alerts"]
REPEATED = [row for row in ROWS if row["expect"]["outcome"] == "duplicate"]
ALONE = [row for row in ROWS if row not in REPEATED]
STATUS_OF_CODE = {"unauthorized": 401, "too_large": 413}


def send_row(row: Row) -> Any:
    with time_machine.travel(parse(row["received_at"]), tick=False):
        return send(body_of(row), content_type=row.get("content_type", "application/json"))


def facts_of(signal: Signal) -> dict[str, Any]:
    return {
        "symbol": signal.symbol,
        "direction": signal.direction,
        "timeframe": signal.timeframe,
        "timestamp": signal.timestamp,
        "exchange": signal.exchange,
        "order_id": signal.order_id,
    }


def expected_facts(row: Row) -> dict[str, Any]:
    facts = {name: value for name, value in row["expect"].items() if name != "outcome"}
    return facts | {"timestamp": parse(facts["timestamp"])}


def check_accepted(row: Row, response: Any) -> None:
    signal, delivery = Signal.objects.get(), WebhookDelivery.objects.get()
    expected = expected_facts(row)

    assert response.status_code == 200
    assert response.json() == {
        "status": "accepted",
        "signal_id": str(signal.signal_id),
        "signal_hash": signal.signal_hash,
    }
    assert {name: facts_of(signal)[name] for name in expected} == expected
    assert (delivery.outcome, delivery.code, delivery.signal_id) == ("accepted", "", signal.signal_id)


def expected_reason(row: Row) -> str:
    expect = row["expect"]
    return str(expect.get("reason") or expect["intent"].partition("_")[0].lower())


def check_recorded(row: Row, response: Any) -> None:
    delivery = WebhookDelivery.objects.get()
    reason = expected_reason(row)

    assert response.status_code == 200
    assert response.json() == {"status": "recorded", "reason": reason}
    assert (delivery.outcome, delivery.code, delivery.signal_id) == ("recorded", reason, None)
    assert not Signal.objects.exists()


def check_refused(row: Row, response: Any) -> None:
    code = row["expect"]["code"]
    delivery = WebhookDelivery.objects.get()

    assert response.status_code == STATUS_OF_CODE.get(code, 400)
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code
    assert response.json()["detail"]
    assert (delivery.outcome, delivery.code, delivery.signal_id) == ("rejected", code, None)
    assert not Signal.objects.exists()


CHECKS = {"accepted": check_accepted, "recorded": check_recorded, "refused": check_refused}


@pytest.mark.parametrize("row", ALONE, ids=[row["name"] for row in ALONE])
def test_every_known_alert_gets_its_known_answer(row: Row) -> None:
    make_source(body_secret_hash=hash_of_secret(SECRET) if "credentials" in row else "")

    response = send_row(row)

    CHECKS[row["expect"]["outcome"]](row, response)


def test_repeats_of_one_alert_are_duplicates_of_the_first() -> None:
    make_source()
    first = send_row(next(row for row in ALONE if row["name"] == "repeat 01")).json()
    assert len(REPEATED) == 5

    answers = [send_row(row).json() for row in REPEATED]

    assert answers == [{**first, "status": "duplicate"}] * len(REPEATED)
    assert facts_of(Signal.objects.get())["symbol"] == "SPY"
    assert [row.outcome for row in WebhookDelivery.objects.order_by("id")] == ["accepted"] + ["duplicate"] * 5
