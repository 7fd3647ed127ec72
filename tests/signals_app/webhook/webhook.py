"""Sending alerts to the real view, as TradingView does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.test import Client

from kernel.values import format_timestamp
from tests.signals_app.webhook.door import post

# Where `send` goes instead of Django's test client; 0 for that (conftest.py).
door_port = 0
TOKEN = "a-token-of-sufficient-length"


def alert(**members: Any) -> dict[str, Any]:
    """Return an alert that is accepted now, with some members changed or added."""
    now = format_timestamp(datetime.now(UTC))
    return {"symbol": "SPY", "direction": "long", "timeframe": "5m", "timestamp": now, "close": 568.25} | members


def send(
    body: bytes | dict[str, Any] | None = None,
    *,
    token: str = TOKEN,
    content_type: str = "application/json",
    **meta: Any,
) -> Any:
    """Post a body to the webhook; a dictionary is sent as JSON, nothing at all as an acceptable alert."""
    if not isinstance(body, bytes):
        body = json.dumps(alert() if body is None else body).encode()
    path = f"/webhooks/tradingview/{token}/"
    if door_port:
        return post(door_port, quote(path, safe="/%"), body, content_type, **meta)
    return Client(raise_request_exception=False).post(path, body, content_type=content_type, **meta)
