"""The market that the feeder quotes: the demo's daily bars, and the option model on top of them."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import groupby, pairwise
from pathlib import Path
from statistics import stdev

from option_model import CENT, Contract, Quote, quote

# When a bar's close is known: as the demo's alerts say it.
CLOSE_HOUR = time(21, tzinfo=UTC)
TRADING_DAYS_PER_YEAR = 252
RETURNS = 20
# While there are too few bars to say.
UNKNOWN_VOLATILITY = 0.3


@dataclass(frozen=True, slots=True)
class Close:
    """One close of one symbol, and the volatility of the twenty returns up to it, per year."""

    known_at: datetime
    price: Decimal
    volatility: float


class Market:
    """What is known of each symbol at any moment."""

    def __init__(self, path: Path) -> None:
        """Read the file of daily bars."""
        with path.open(newline="") as file:
            rows = sorted((row["Ticker"], row["Date"], row["Close"]) for row in csv.DictReader(file))
        self._closes = {
            symbol: _closes([(day, close) for _, day, close in bars])
            for symbol, bars in groupby(rows, key=lambda row: row[0])
        }

    def quote(self, instrument: str, moment: datetime) -> Quote | None:
        """The quote that stands at the moment; None for what is not known then, or has expired."""
        try:
            contract = Contract.parse(instrument)
        except ValueError:
            contract = None
        close = self._last_close(instrument if contract is None else contract.root, moment)
        if close is None:
            return None
        if contract is None:
            return Quote(close.price.quantize(CENT, ROUND_FLOOR), close.price.quantize(CENT, ROUND_CEILING))
        if moment > contract.expires_at:
            return None
        return quote(contract, float(close.price), close.volatility, moment)

    def _last_close(self, symbol: str, moment: datetime) -> Close | None:
        closes = self._closes.get(symbol, [])
        position = bisect_right(closes, moment, key=lambda close: close.known_at)
        return closes[position - 1] if position else None


def _closes(bars: list[tuple[str, str]]) -> list[Close]:
    """The closes of one symbol, oldest first, from (day, close) as text."""
    prices = [float(price) for _, price in bars]
    returns = [math.log(later / earlier) for earlier, later in pairwise(prices)]
    closes = []
    for position, (day, price) in enumerate(bars):
        window = returns[max(position - RETURNS, 0) : position]
        volatility = stdev(window) * math.sqrt(TRADING_DAYS_PER_YEAR) if len(window) == RETURNS else UNKNOWN_VOLATILITY
        known_at = datetime.combine(date.fromisoformat(day), CLOSE_HOUR)
        # Rounded as in the alerts, so that feed and engines see one market.
        closes.append(Close(known_at, Decimal(price), round(volatility, 4)))
    return closes
