"""The bars that the example engines know: those of market contexts, and those of a feed of their own."""

from __future__ import annotations

import csv
from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
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
    """The bars that an engine knows, by symbol and time.

    Those of the alerts, and of a feed of its own every bar up to the latest alert: a position is closed by what the
    market did in between, not by when the next alert comes.
    """

    def __init__(self, feed: Iterable[Bar] = ()) -> None:
        self._bars: dict[str, dict[datetime, Bar]] = {}
        self._times: dict[str, list[datetime]] = {}
        self._feed = sorted(feed, key=lambda bar: bar.timestamp)
        self._revealed = 0

    def add(self, bar: Bar) -> None:
        """Take one more bar, and show what the feed had until then; they may come in any order."""
        while self._revealed < len(self._feed) and self._feed[self._revealed].timestamp <= bar.timestamp:
            self._put(self._feed[self._revealed])
            self._revealed += 1
        self._put(bar)

    def _put(self, bar: Bar) -> None:
        known = self._bars.setdefault(bar.symbol, {})
        if bar.timestamp not in known:
            insort(self._times.setdefault(bar.symbol, []), bar.timestamp)
        known[bar.timestamp] = bar

    def after(self, symbol: str, moment: datetime) -> list[Bar]:
        """The symbol's later bars, oldest first."""
        times = self._times.get(symbol, [])
        return [self._bars[symbol][time] for time in times[bisect_right(times, moment) :]]

    def at(self, symbol: str, moment: datetime) -> Bar | None:
        """The symbol's last bar at or before the moment; None until a bar has shown what stood then."""
        times = self._times.get(symbol, [])
        place = bisect_right(times, moment)
        return self._bars[symbol][times[place - 1]] if place and times[-1] >= moment else None


def read_feed(path: Path) -> list[Bar]:
    """The bars of a file: ticker, time, direction, close, volume, is_last_bar, and any indicators beside them."""
    told = {"ticker", "time", "direction", "close", "volume", "is_last_bar"}
    with path.open(newline="") as file:
        return [
            Bar(
                symbol=row["ticker"],
                direction=row["direction"],
                timestamp=datetime.fromisoformat(row["time"]),
                close=float(row["close"]),
                volume=float(row["volume"]),
                indicators={name: float(value) for name, value in row.items() if name not in told},
                is_last=row["is_last_bar"] == "1",
            )
            for row in csv.DictReader(file)
        ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
