"""Alerts to judge, and the three ways they can come out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.errors import DomainError
from signals_app.alerts.alert import NewSignal, RecordedOnly, Understood, understand

RECEIVED_AT = datetime(2026, 3, 16, 14, 30, 2, tzinfo=UTC)
FIRED_AT = "2026-03-16T14:30:00Z"


def judge(payload: dict[str, Any], *, max_age_seconds: int = 300) -> Understood:
    return understand(payload, received_at=RECEIVED_AT, max_age_seconds=max_age_seconds)


def make_alert(**changes: Any) -> dict[str, Any]:
    """Return a good alert with members replaced, or left out where the value is ``...``."""
    fields = {"symbol": "SPY", "direction": "long", "timeframe": "5", "timestamp": FIRED_AT, **changes}
    return {name: value for name, value in fields.items() if value is not ...}


def accept(payload: dict[str, Any]) -> NewSignal:
    understood = judge(payload)
    assert isinstance(understood, NewSignal), understood
    return understood


def record(payload: dict[str, Any]) -> RecordedOnly:
    understood = judge(payload)
    assert isinstance(understood, RecordedOnly), understood
    return understood


def refuse(payload: dict[str, Any]) -> DomainError:
    with pytest.raises(DomainError) as raised:
        judge(payload)
    return raised.value


def with_direction(**members: Any) -> dict[str, Any]:
    return make_alert(**{"direction": ..., **members})
