"""Bars and positions with defaults: the arguments written in a test are the ones that matter to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bars import Bar
from option_model import Contract
from positions import Position

ENTRY_TIME = datetime(2008, 1, 2, 21, tzinfo=UTC)
INDICATORS = {
    "high_4": 100.0,
    "low_4": 90.0,
    "sma_10": 95.0,
    "sma_50": 95.0,
    "rsi_14": 50.0,
    "volatility_20": 0.3,
    "volume_20": 1000.0,
}


def make_bar(
    *,
    days: int = 0,
    close: float = 95.0,
    direction: str = "LONG",
    volume: float = 1000.0,
    is_last: bool = False,
    **indicators: float,
) -> Bar:
    """Return a quiet bar, `days` after the entry time."""
    moment = ENTRY_TIME + timedelta(days=days)
    return Bar("AAPL", direction, moment, close, volume, INDICATORS | indicators, is_last)


def make_position(*, entry_price: str = "5.00", direction: str = "LONG", strike: int = 95) -> Position:
    contract = Contract("AAPL", date(2008, 2, 15), "C" if direction == "LONG" else "P", Decimal(strike))
    return Position("e", "t", "REAL", "AAPL", direction, contract, 2, Decimal(entry_price), ENTRY_TIME)


def make_context(**changes: Any) -> dict[str, Any]:
    """Return a market context as the orchestrator sends it."""
    context: dict[str, Any] = {
        "context_version": 1,
        "signal": {"symbol": "AAPL", "direction": "LONG", "timestamp": "2008-01-02T21:00:00.000000Z"},
        "prices": {"open": "94", "high": "96", "low": "93", "close": "95.5"},
        "volume": 1200,
        "indicators": {**INDICATORS, "is_last_bar": False, "note": "text is left alone"},
        "market_data": None,
    }
    return context | changes
