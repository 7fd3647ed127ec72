"""R1: signals are normalised once, carry everything engines need, and are never changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from experiments.worker.pipeline import drain
from signals_app.alerts.documents import natural_key, signal_hash, signal_id
from signals_app.models import MarketContext, Signal
from tests.database import row_of
from tests.factories import make_source
from tests.signals_app.webhook.webhook import alert, send

pytestmark = pytest.mark.django_db

REQUIRED = ("signal_id", "symbol", "direction", "timeframe", "timestamp", "signal_hash", "raw_payload")
IDENTITY = ("source", "exchange", "strategy", *REQUIRED, "received_at")


def stored(**members: Any) -> Signal:
    """Send an alert to the webhook and return the signal it made."""
    make_source(max_age_seconds=0)
    assert send(alert(**members)).json()["status"] == "accepted"
    return Signal.objects.get()


def test_r1_1_a_stored_signal_has_all_required_fields() -> None:
    make_source(max_age_seconds=0)
    send(
        {
            "ticker": "NASDAQ:AAPL",
            "action": "SELL",
            "interval": "60",
            "time": 1773671340123,
            "close": "212.40",
            "secret": "s3cret-s3cret",
        }
    )

    signal = row_of("signals", source="tv")

    assert {name: signal[name] for name in ("symbol", "direction", "timeframe", "timestamp", "exchange")} == {
        "symbol": "AAPL",
        "direction": "SHORT",
        "timeframe": "1h",
        "timestamp": datetime(2026, 3, 16, 14, 29, 0, 123000, tzinfo=UTC),
        "exchange": "NASDAQ",
    }
    assert all(signal[name] for name in REQUIRED)


def test_r1_1_id_and_hash_follow_from_the_stored_fields_alone() -> None:
    signal = stored(rsi=55.31, levels=[1, 2.5, 10**20], note="ä", nested={"b": None, "a": True})

    key = natural_key(
        source=signal.source,
        exchange=signal.exchange,
        symbol=signal.symbol,
        direction=signal.direction,
        timeframe=signal.timeframe,
        timestamp=signal.timestamp,
        strategy=signal.strategy,
        order_id=signal.order_id,
    )

    assert signal.signal_id == signal_id(key)
    assert signal.signal_hash == signal_hash(key, signal.raw_payload)


def test_r1_1_the_payload_is_stored_as_sent_without_its_secrets() -> None:
    signal = stored(rsi=55.31, passphrase="s3cret-s3cret", tags=["x", 1, None])

    assert signal.raw_payload["rsi"] == 55.31
    assert signal.raw_payload["tags"] == ["x", 1, None]
    assert "s3cret" not in json.dumps(signal.raw_payload)


def test_r1_4_processing_and_distribution_leave_the_signal_as_it_was() -> None:
    stored(rsi=55.31)
    before = {name: row_of("signals", source="tv")[name] for name in IDENTITY}

    drain()

    after = row_of("signals", source="tv")
    assert after["status"] == "PROCESSED"
    assert {name: after[name] for name in IDENTITY} == before


@pytest.mark.parametrize("column", ["symbol", "direction", "timeframe", "signal_hash", "raw_payload", "timestamp"])
def test_r1_4_the_database_refuses_to_change_a_signal(column: str) -> None:
    signal = stored()
    other = {"symbol": "QQQ", "direction": "SHORT", "timeframe": "1h", "signal_hash": "0" * 64}
    new = other | {"raw_payload": {}, "timestamp": datetime(2020, 1, 1, tzinfo=UTC)}

    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Signal.objects.filter(pk=signal.pk).update(**{column: new[column]})

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Signal.objects.filter(pk=signal.pk).delete()


def test_r1_4_what_engines_get_says_what_was_stored() -> None:
    signal = stored(exchange="AMEX")

    drain()

    assert MarketContext.objects.get().context["signal"] == {
        "signal_id": str(signal.signal_id),
        "symbol": signal.symbol,
        "exchange": "AMEX",
        "direction": signal.direction,
        "timeframe": signal.timeframe,
        "timestamp": signal.timestamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "signal_hash": signal.signal_hash,
    }
