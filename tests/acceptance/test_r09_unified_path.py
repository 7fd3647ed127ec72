"""R9: both engines take the same signal from the same place."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.models import Experiment, SignalDistribution
from experiments.worker.pipeline import drain
from signals_app.models import Signal
from tests.database import value
from tests.factories import api_client, make_source
from tests.signals_app.webhook.webhook import alert, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_alert_was_decided() -> None:
    make_source()
    assert send(alert(rsi=61.5, exchange="AMEX")).json()["status"] == "accepted"
    drain()


def work_of(owner: str) -> dict[str, Any]:
    answer = api_client(owner).post("/api/v1/assignments/claim", {"limit": 5})
    (assignment,) = answer.json()["assignments"]
    return dict(assignment)


def assert_is_the_stored_signal(given: dict[str, Any]) -> None:
    stored = Signal.objects.get()
    assert given == {
        "signal_id": str(stored.signal_id),
        "signal_hash": stored.signal_hash,
        "symbol": stored.symbol,
        "exchange": stored.exchange,
        "direction": stored.direction,
        "timeframe": stored.timeframe,
        "timestamp": f"{stored.timestamp:%Y-%m-%dT%H:%M:%S.%fZ}",
    }


def test_r9_1_engine_a_is_given_the_normalised_signal() -> None:
    assert_is_the_stored_signal(work_of("engine-a")["signal"])


def test_r9_2_engine_b_is_given_the_same_normalised_signal() -> None:
    assert_is_the_stored_signal(work_of("engine-b")["signal"])


def test_r9_3_both_engines_are_given_identical_market_contexts() -> None:
    a, b = work_of("engine-a"), work_of("engine-b")

    assert a["market_context"] == b["market_context"]
    assert a["context_hash"] == b["context_hash"] == value("SELECT context_hash FROM market_contexts")


def test_r9_4_there_is_one_signal_record_for_both_engines() -> None:
    work_of("engine-a")
    work_of("engine-b")

    assert Signal.objects.count() == Experiment.objects.count() == 1
    assert SignalDistribution.objects.values("experiment__signal").distinct().count() == 1


def test_r9_5_a_processed_signal_is_marked_and_never_processed_again() -> None:
    signal = Signal.objects.get()
    assert (signal.status, signal.processed_at is not None) == ("PROCESSED", True)

    assert drain() == 0
    assert Experiment.objects.count() == 1
