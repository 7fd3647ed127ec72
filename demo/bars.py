"""The bars that the demo's alerts come from, with the indicators that a chart script would compute.

It plays the sender of the alerts. The orchestrator itself computes no indicator (R7.1): nothing outside this folder
imports it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from statistics import fmean, stdev

# The longest average is over 50 bars.
WARM_UP = 60
TRADING_DAYS_PER_YEAR = 252
# How far beyond its average a close crosses it: less is noise, and crosses back the next day.
BEYOND = 0.005
# So long after the last alert of a shorter demo its bars end: positions are closed by then.
LEAVING = timedelta(days=21)


INDICATORS = ("high_4", "low_4", "sma_10", "sma_20", "sma_50", "rsi_14", "volatility_20", "volume_20")


@dataclass(frozen=True, slots=True)
class DailyBar:
    """One row of the file."""

    ticker: str
    day: date
    open: float
    high: float
    low: float
    close: float
    volume: int


@dataclass(frozen=True, slots=True)
class ReplayBar:
    """A bar with its indicators as of its close."""

    bar: DailyBar
    indicators: dict[str, float]
    is_last: bool

    @property
    def side(self) -> str:
        """LONG above its 50-bar average, otherwise SHORT."""
        return "LONG" if self.bar.close > self.indicators["sma_50"] else "SHORT"


def read_bars(path: Path) -> dict[str, list[DailyBar]]:
    """The bars of each ticker, oldest first."""
    with path.open(newline="") as file:
        rows = [
            DailyBar(
                ticker=row["Ticker"],
                day=date.fromisoformat(row["Date"]),
                open=float(row["Open"]),
                high=float(row["High"]),
                low=float(row["Low"]),
                close=float(row["Close"]),
                volume=int(row["Volume"]),
            )
            for row in csv.DictReader(file)
        ]
    rows.sort(key=lambda bar: (bar.ticker, bar.day))
    return {ticker: list(bars) for ticker, bars in groupby(rows, key=lambda bar: bar.ticker)}


def chart(history: dict[str, list[DailyBar]]) -> list[ReplayBar]:
    """Every bar after the warm-up with its indicators, by day across the tickers; the first bars only feed these."""
    bars = [
        ReplayBar(series[index], indicators(series[index - WARM_UP : index + 1]), is_last=index == len(series) - 1)
        for series in history.values()
        for index in range(WARM_UP, len(series))
    ]
    # By day first: an engine that has seen a ticker's later bar would trade the others with knowledge of the future.
    return sorted(bars, key=lambda item: (item.bar.day, item.bar.ticker))


def fired(bars: Iterable[ReplayBar]) -> list[ReplayBar]:
    """The bars at which the alert's rule fires, and each ticker's last, at which engines leave what is open.

    The rule: the close is half a percent beyond its 50-bar average, on the other side than when it last was.
    """
    found, sides = [], dict[str, str]()
    for item in bars:
        average = item.indicators["sma_50"]
        if abs(item.bar.close / average - 1) > BEYOND:
            crossed = sides.get(item.bar.ticker, item.side) != item.side
            sides[item.bar.ticker] = item.side
            if crossed and not item.is_last:
                found.append(item)
        if item.is_last:
            found.append(item)
    return found


def first_alerts(history: dict[str, list[DailyBar]], count: int | None) -> tuple[list[ReplayBar], list[ReplayBar]]:
    """The chart and its alerts; with a count, the chart up to a little after so many of them.

    Raises ValueError for more or fewer than there can be.
    """
    bars = chart(history)
    alerts = fired(bars)
    if count is None or count == len(alerts):
        return bars, alerts
    crossings = [item for item in alerts if not item.is_last]
    if not len(history) < count < len(alerts):
        raise ValueError(f"The demo has {len(history) + 1} to {len(alerts)} alerts, not {count}.")
    # As many crossings as leave room for a last bar of each ticker that is listed by then.
    for last in range(count - 1, -1, -1):
        ends = crossings[last].bar.day + LEAVING
        cut = {name: [bar for bar in series if bar.day <= ends] for name, series in history.items()}
        cut = {name: series for name, series in cut.items() if len(series) > WARM_UP}
        bars = chart(cut)
        if len(alerts := fired(bars)) <= count:
            break
    return bars, alerts


def indicators(window: list[DailyBar]) -> dict[str, float]:
    """The indicators of the window's last bar; `high_4` and `low_4` leave that bar itself out."""
    closes = [bar.close for bar in window]
    changes = [later - earlier for earlier, later in pairwise(closes)]
    gains, losses = sum(max(change, 0) for change in changes[-14:]), sum(max(-change, 0) for change in changes[-14:])
    returns = [math.log(later / earlier) for earlier, later in pairwise(closes)]
    values = {
        "high_4": max(bar.high for bar in window[-5:-1]),
        "low_4": min(bar.low for bar in window[-5:-1]),
        "sma_10": fmean(closes[-10:]),
        "sma_20": fmean(closes[-20:]),
        "sma_50": fmean(closes[-50:]),
        # Wilder's index on simple sums; a market that does not move is neither strong nor weak.
        "rsi_14": 50.0 if gains + losses == 0 else 100 * gains / (gains + losses),
        "volatility_20": stdev(returns[-20:]) * math.sqrt(TRADING_DAYS_PER_YEAR),
        "volume_20": fmean(bar.volume for bar in window[-20:]),
    }
    return {name: round(value, 4) for name, value in values.items()}


def write_chart(path: Path, bars: Iterable[ReplayBar]) -> None:
    """Write the bars as the engines' own data: what the chart shows of every day, alert or not."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ticker", "time", "direction", "close", "volume", "is_last_bar", *INDICATORS])
        for item in bars:
            bar = item.bar
            numbers = [item.indicators[name] for name in INDICATORS]
            writer.writerow([bar.ticker, closes_at(bar), item.side, bar.close, bar.volume, int(item.is_last), *numbers])


def closes_at(bar: DailyBar) -> str:
    """When the bar is closed and its alert fires: 21:00 UTC, as in New York's winter, all year."""
    return f"{bar.day}T21:00:00Z"
