"""Ids and hashes are pinned: the digests below were computed apart from this code."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.canonical import NAMESPACE, document_hash, named_uuid, sha256_hex
from kernel.values import format_timestamp
from signals_app.alerts.documents import HASH_VERSION, experiment_id, natural_key, signal_hash, signal_id, trade_id
from tests.kernel.json_strategies import json_objects, texts

FIRED_AT = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
PAYLOAD = {"symbol": "SPY", "direction": "long", "timeframe": "5", "timestamp": "2026-03-16T14:30:00Z"}
SIGNAL_ID = uuid.UUID("d91c5fc2-343f-5fa0-9fd5-ce40abceb43f")
SIGNAL_HASH = "c5ce8f41f73281dbc7d8d7fa72a22fa18302df271fd1fd937ef1a75be3472a9b"


def make_key(**changes: Any) -> str:
    fields: dict[str, Any] = {
        "source": "desk", "symbol": "SPY", "direction": "LONG", "timeframe": "5m", "timestamp": FIRED_AT,
    }  # fmt: skip
    return natural_key(**{**fields, **changes})


def test_the_natural_key_has_these_bytes() -> None:
    assert make_key() == (
        '{"direction":"LONG","exchange":"","order_id":"","source":"desk","strategy":"","symbol":"SPY",'
        '"timeframe":"5m","timestamp":"2026-03-16T14:30:00.000000Z"}'
    )


def test_the_ids_and_hashes_are_these() -> None:
    assert HASH_VERSION == 2
    assert uuid.UUID("6f0d5f1e-3c56-5d0a-9d0e-8f3a52f0c1a7") == NAMESPACE
    assert signal_id(make_key()) == SIGNAL_ID
    assert signal_hash(make_key(), PAYLOAD) == SIGNAL_HASH
    assert experiment_id(SIGNAL_ID, SIGNAL_HASH) == "0c899309-ecfe-5782-927a-a071ada3b2f1"


def test_the_hash_covers_floats_big_integers_and_text_of_any_alphabet() -> None:
    payload = {**PAYLOAD, "rsi": 61.234, "close": 568.0, "id": 123456789012345678901234567890, "note": "é\U0001f680"}

    assert signal_hash(make_key(), payload) == "6a72a92b5ac3df11bce651f2931bfae7110082527be28f7766542ebd3299e7c7"


def test_the_trade_id_is_this() -> None:
    experiment = uuid.UUID(experiment_id(SIGNAL_ID, SIGNAL_HASH))

    assert trade_id(experiment, "A", "REAL") == uuid.UUID("192ca8e9-aa7e-539c-b170-1a968fc7a143")
    assert trade_id(experiment, "A", "SHADOW") != trade_id(experiment, "B", "SHADOW")


def test_the_hash_of_the_empty_document_is_that_of_two_braces() -> None:
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

    assert document_hash({}) == sha256_hex(b"{}") == digest


@pytest.mark.parametrize(
    "change",
    [
        {"source": "other"}, {"symbol": "QQQ"}, {"direction": "SHORT"}, {"timeframe": "1m"}, {"strategy": "ORB"},
        {"exchange": "NYSE"}, {"order_id": "Long 2"},
        {"timestamp": FIRED_AT + timedelta(microseconds=1)},
    ],
)  # fmt: skip
def test_every_field_of_the_natural_key_changes_the_id(change: dict[str, Any]) -> None:
    assert signal_id(make_key(**change)) != SIGNAL_ID
    assert signal_hash(make_key(**change), PAYLOAD) != SIGNAL_HASH


def test_the_payload_changes_the_hash() -> None:
    assert signal_hash(make_key(), {**PAYLOAD, "rsi": 61}) != SIGNAL_HASH


def test_a_timestamp_is_written_with_six_digits_in_utc() -> None:
    new_york = timezone(timedelta(hours=-4))

    assert format_timestamp(datetime(2026, 3, 16, 10, 30, 1, 250_000, tzinfo=new_york)) == "2026-03-16T14:30:01.250000Z"
    assert format_timestamp(FIRED_AT) == "2026-03-16T14:30:00.000000Z"


def test_a_timestamp_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_timestamp(FIRED_AT.replace(tzinfo=None))


instants = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(instants, zones)
def test_equal_instants_in_other_zones_give_the_same_id(instant: datetime, zone: timezone) -> None:
    moved = instant.astimezone(zone)

    assert format_timestamp(moved) == format_timestamp(instant)
    assert signal_id(make_key(timestamp=moved)) == signal_id(make_key(timestamp=instant))


@given(json_objects)
def test_the_hash_does_not_depend_on_the_order_of_members(payload: dict[str, Any]) -> None:
    backwards = dict(reversed(payload.items()))

    assert signal_hash(make_key(), backwards) == signal_hash(make_key(), payload)


@given(texts)
def test_ids_are_those_of_the_standard_library(name: str) -> None:
    assert named_uuid(name) == str(uuid.uuid5(NAMESPACE, name))


def test_a_time_may_come_as_it_is_written() -> None:
    assert make_key(timestamp="2026-03-16T14:30:00.000000Z") == make_key()
