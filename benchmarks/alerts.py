"""Signals and alerts to measure with: a fixed sequence, every one new."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from benchmarks.database import Connection

TOKEN = "a-token-for-benchmarks-only"
SOURCE = "bench"
SYMBOLS = tuple(f"SYM{number}" for number in range(40))
COPY = """
COPY signals (signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id, signal_hash,
              raw_payload, consumed_fields, received_at, status, attempts, last_error) FROM STDIN
"""
CONSUMED = ["direction", "strategy", "symbol", "timeframe", "timestamp"]
_started = datetime.now(UTC) - timedelta(days=1)
_numbers = itertools.count()


def next_payload() -> dict[str, Any]:
    """An alert of the usual size that was never sent before."""
    number = next(_numbers)
    price = 100 + number % 977 / 16
    return {
        "symbol": SYMBOLS[number % len(SYMBOLS)],
        "direction": "long" if number % 3 else "short",
        "timeframe": "5m",
        "timestamp": (_started + timedelta(milliseconds=number)).isoformat(timespec="microseconds"),
        "strategy": "opening range",
        "open": price,
        "high": price + 1.25,
        "low": price - 0.5,
        "close": price + 0.75,
        "volume": 1000 + number % 5000,
        "rsi": 30 + number % 400 / 10,
        "vwap": price + 0.3125,
    }


def bodies(count: int) -> list[bytes]:
    """Return that many new alerts as request bodies."""
    return [json.dumps(next_payload()).encode() for _ in range(count)]


def copy_signals(connection: Connection, count: int) -> list[UUID]:
    """Store that many new pending signals in the transaction of the connection; return their ids."""
    from kernel.canonical import to_jsonb_text
    from signals_app.alerts.documents import natural_key, signal_hash, signal_id

    now = datetime.now(UTC)
    ids = []
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for position in range(count):
            payload = next_payload()
            symbol, strategy = payload["symbol"], payload["strategy"]
            direction, moment = payload["direction"].upper(), datetime.fromisoformat(payload["timestamp"])
            key = natural_key(
                source=SOURCE, symbol=symbol, direction=direction, timeframe="5m", timestamp=moment, strategy=strategy
            )
            ids.append(signal_id(key))
            # Received one after the other, as from the webhook.
            received = now + timedelta(microseconds=position)
            row = (ids[-1], SOURCE, "", symbol, direction, "5m", moment, strategy, "", signal_hash(key, payload))
            copy.write_row((*row, to_jsonb_text(payload), CONSUMED, received, "PENDING", 0, ""))
    return ids
