"""What the example engines read out of a market context: one bar with the sender's indicators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one symbol, as the alert says."""

    symbol: str
    direction: str  # LONG or SHORT: the way the alert's sender sees it
    timestamp: datetime  # when the alert fired: the bar's close
    close: float
    volume: float
    indicators: dict[str, float]
    is_last: bool  # nothing follows: leave what is open

    @classmethod
    def from_context(cls, context: dict[str, Any]) -> Bar:
        """The context's bar; raise ValueError when it states no close, so that nothing can be priced."""
        signal, prices, indicators = context["signal"], context["prices"], context["indicators"]
        if "close" not in prices:
            raise ValueError("The alert has no close.")
        numbers = {name: float(value) for name, value in indicators.items() if _is_number(value)}
        return cls(
            symbol=signal["symbol"],
            direction=signal["direction"],
            timestamp=datetime.fromisoformat(signal["timestamp"]),
            close=float(prices["close"]),
            volume=float(context.get("volume") or 0),
            indicators=numbers,
            is_last=indicators.get("is_last_bar") is True,
        )

    def get(self, indicator: str) -> float:
        """An indicator of the alert; NaN when it is absent, which no comparison holds for."""
        return self.indicators.get(indicator, float("nan"))

    @property
    def volatility(self) -> float:
        """The yearly volatility that the alert states, 0.3 when it states none."""
        return self.indicators.get("volatility_20", 0.3)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
