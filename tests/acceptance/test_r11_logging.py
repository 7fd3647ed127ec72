"""R11: structured logs for every operation, one JSON object a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from experiments.worker.pipeline import drain
from kernel.values import format_timestamp
from signals_app.alerts.documents import experiment_id
from tests.factories import api_client, make_available, make_experiment, make_policy, make_signal
from tests.outcomes.desk import C72_5_JULY, leg, plan, quote

pytestmark = pytest.mark.django_db


class Log:
    """What the process has logged, as the configured handlers would write it."""

    def __init__(self) -> None:
        self.text = io.StringIO()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.text.getvalue().splitlines()]
        return [line for line in lines if line["event"] == name]


@pytest.fixture
def log() -> Iterator[Log]:
    """Listen beside every configured handler, with its own formatter."""
    log = Log()
    added = []
    for name in ("", "orchestrator.lines", "orchestrator.reports"):
        logger = logging.getLogger(name)
        for configured in [handler for handler in logger.handlers if type(handler) is logging.StreamHandler]:
            handler = logging.StreamHandler(log.text)
            handler.setFormatter(configured.formatter)
            logger.addHandler(handler)
            added.append((logger, handler))
    yield log
    for logger, handler in added:
        logger.removeHandler(handler)


def test_r11_1_retrieving_a_signal_is_logged(log: Log) -> None:
    signal = make_signal(symbol="TWX")
    drain()

    (event,) = log.events("signal.retrieved")

    assert event["signal_id"] == str(signal.pk)
    assert (event["symbol"], event["direction"]) == ("TWX", "LONG")
    assert event["timestamp"] == format_timestamp(signal.timestamp)


def test_r11_2_creating_an_experiment_is_logged(log: Log) -> None:
    experiment = make_experiment("A")

    (event,) = log.events("experiment.created")

    assert event["experiment_id"] == str(experiment.pk)
    assert event["signal_id"] == str(experiment.signal_id)
    assert (event["variant"], event["assignment_hash"]) == (experiment.variant, experiment.assignment_hash)


def test_r11_3_applying_the_policy_is_logged(log: Log) -> None:
    experiment = make_experiment("B")

    (event,) = log.events("policy.applied")

    assert event["experiment_id"] == str(experiment.pk)
    assert (event["execution_mode"], event["executed_engine"]) == ("ENGINE_B_PRIMARY", "B")
    assert event["policy_version"] == experiment.policy_version_id


@pytest.mark.django_db(transaction=True)
def test_r11_4_creating_a_shadow_trade_is_logged(log: Log) -> None:
    experiment = make_experiment("A", replayed=True)
    client = api_client("engine-b")
    common = {"experiment_id": str(experiment.pk)}
    recommended = client.post("/api/v1/recommendations", {
        **common, "context_hash": experiment.signal.market_context.context_hash, "action": "OPEN",
        "strategy_version": "1", "rules_hash": "a" * 64, "recommendation": {}, "plan": plan(leg(C72_5_JULY)),
    })  # fmt: skip
    assert recommended.json()["role"] == "SHADOW"
    entered = format_timestamp(experiment.signal.timestamp)
    opened = client.post("/api/v1/trades", {
        **common, "kind": "SHADOW", "quantity": "1", "multiplier": "100", "entry_price": "0.98", "fees": "0",
        "entry_time": entered, "price_provenance": "MODEL",
        "legs": [leg(C72_5_JULY, entry_price="0.98")],
        "entry_quotes": {C72_5_JULY: quote("0.95", "0.98", entered)},
    })  # fmt: skip
    assert opened.status_code == 201, opened.json()

    (event,) = log.events("shadow_trade.created")

    assert (event["experiment_id"], event["engine"]) == (str(experiment.pk), "B")
    assert event["shadow_trade_id"] == opened.json()["trade_id"]


def test_r11_5_an_error_is_logged_with_its_signal(log: Log) -> None:
    make_available("A", "B")
    make_policy()
    signal = make_signal()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE signals SET symbol = 'QQQ'")
        cursor.execute("SET session_replication_role = DEFAULT")
    drain()

    first, *_ = log.events("signal.processing_failed")

    assert first["signal_id"] == str(signal.pk)
    assert first["experiment_id"] == str(experiment_id(signal.pk, signal.signal_hash))
    assert first["error"].startswith("SignalCorruptError")
