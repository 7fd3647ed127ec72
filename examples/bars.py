"""What the example engines read out of market contexts: bars with the sender's indicators, one after the other."""

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


class Tape:
    """The bars that an engine has seen, by symbol and time."""

    def __init__(self) -> None:
        self._bars: dict[str, dict[datetime, Bar]] = {}

    def add(self, bar: Bar) -> None:
        """Take one more bar; they may come in any order."""
        self._bars.setdefault(bar.symbol, {})[bar.timestamp] = bar

    def after(self, symbol: str, moment: datetime) -> list[Bar]:
        """The symbol's later bars, oldest first."""
        return [bar for time, bar in sorted(self._bars.get(symbol, {}).items()) if time > moment]

    def at(self, symbol: str, moment: datetime) -> Bar | None:
        """The symbol's last bar at or before the moment; None until a bar has shown what stood then."""
        times = sorted(self._bars.get(symbol, {}))
        known = [time for time in times if time <= moment]
        return self._bars[symbol][known[-1]] if known and times[-1] >= moment else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
