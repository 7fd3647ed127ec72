"""The bars that the demo replays, with the indicators that a chart script would compute.

It plays the sender of the alerts. The orchestrator itself computes no indicator (R7.1): nothing outside this folder
imports it.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from pathlib import Path
from statistics import fmean, stdev

# The longest average is over 50 bars.
WARM_UP = 60
TRADING_DAYS_PER_YEAR = 252


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
    """A bar to replay, with its indicators as of its close."""

    bar: DailyBar
    indicators: dict[str, float]
    is_last: bool


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


def replay_bars(history: dict[str, list[DailyBar]], count: int) -> list[ReplayBar]:
    """`count` bars to replay, day by day across the tickers, each ticker with about the same number.

    The first bars of each ticker only feed the indicators. Raise ValueError for more or fewer than there can be.
    """
    most = sum(max(len(bars) - WARM_UP, 0) for bars in history.values())
    if not len(history) <= count <= most:
        raise ValueError(f"The demo can replay {len(history)} to {most} bars, not {count}.")
    each, more = divmod(count, len(history))
    replayed: list[ReplayBar] = []
    for position, bars in enumerate(history.values()):
        end = WARM_UP + each + (position < more)
        replayed += [
            ReplayBar(bars[index], indicators(bars[index - WARM_UP : index + 1]), is_last=index == end - 1)
            for index in range(WARM_UP, end)
        ]
    # By day first: an engine that has seen a ticker's later bar would trade the others with knowledge of the future.
    return sorted(replayed, key=lambda item: (item.bar.day, item.bar.ticker))


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
