"""The known answers of tests/golden/alerts.json."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from kernel.errors import DomainError
from signals_app.alerts.alert import RecordedOnly, means_the_same, open_envelope, read_signal, understand
from signals_app.alerts.decoding import MAX_BODY_BYTES, decode_alert, mask_body, split_secrets
from signals_app.alerts.documents import natural_key, signal_id
from tests.golden import GOLDEN_FOLDER

GOLDEN = GOLDEN_FOLDER / "alerts.json"
MAX_AGE_SECONDS = 300
SECRET = "wh-7f3c91-demo"

Row = dict[str, Any]


def load_rows() -> list[Row]:
    rows: list[Row] = json.loads(GOLDEN.read_text())["alerts"]
    return [row for row in rows if "credentials" not in row]


def body_of(row: Row) -> bytes:
    if "body_base64" in row:
        return base64.b64decode(row["body_base64"])
    text, times = row.get("repeated", ["", 0])
    return str(row["body"]).replace("<repeated>", text * times).encode()


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def understand_row(row: Row) -> Row:
    """Return what was understood, in the words of the golden file."""
    received_at = parse(row["received_at"])
    try:
        payload, _ = split_secrets(decode_alert(body_of(row)))
        payload = open_envelope(payload)
        understood = understand(payload, received_at=received_at, max_age_seconds=MAX_AGE_SECONDS)
    except DomainError as error:
        return {"outcome": "refused", "code": error.code}
    facts = {
        "symbol": understood.symbol,
        "exchange": understood.exchange,
        "timeframe": understood.timeframe,
        "timestamp": understood.timestamp,
        "order_id": understood.order_id,
    }
    if isinstance(understood, RecordedOnly):
        return {**facts, "outcome": "recorded", "intent": understood.intent, "reason": understood.reason}
    return {**facts, "outcome": "accepted", "direction": understood.direction}


ROWS = load_rows()
EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])


@EVERY_ROW
def test_every_alert_is_understood_as_known(row: Row) -> None:
    expected = dict(row["expect"])
    if "timestamp" in expected:
        expected["timestamp"] = parse(expected["timestamp"])
    if expected["outcome"] == "duplicate":
        expected["outcome"] = "accepted"  # Whether it is the first of its kind is known to the database only.

    understood = understand_row(row)

    assert {name: understood.get(name) for name in expected} == expected


@EVERY_ROW
def test_no_masked_alert_holds_its_secret(row: Row) -> None:
    assert SECRET.encode() not in mask_body(body_of(row)[:MAX_BODY_BYTES], (SECRET,))


def identity(payload: Row) -> object:
    signal = read_signal(payload)
    return signal_id(
        natural_key(
            source="desk", exchange=signal.exchange, symbol=signal.symbol, direction=signal.direction,
            timeframe=signal.timeframe, timestamp=signal.timestamp, strategy=signal.strategy, order_id=signal.order_id,
        )
    )  # fmt: skip


def test_every_repeat_has_the_identity_and_the_meaning_of_the_first() -> None:
    repeats = [row for row in ROWS if row["name"].startswith("repeat")]
    first = decode_alert(body_of(repeats[0]))
    duplicates = [row for row in repeats if row["expect"]["outcome"] == "duplicate"]

    assert len(duplicates) == 5
    for row in duplicates:
        payload = decode_alert(body_of(row))
        assert identity(payload) == identity(first)
        assert means_the_same(first, payload)


def test_another_strategy_bar_order_or_exchange_is_another_signal() -> None:
    rows = [row for row in ROWS if row["name"].startswith("repeat") and row["expect"]["outcome"] == "accepted"]

    assert len({identity(decode_alert(body_of(row))) for row in rows}) == len(rows) == 9
