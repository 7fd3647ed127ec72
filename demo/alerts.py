"""The demo's alert messages, as TradingView sends them after filling in its placeholders.

The message on the chart would read:

    {"strategy": "Daily bias", "ticker": "{{ticker}}", "exchange": "{{exchange}}", "interval": "{{interval}}",
     "time": "{{time}}", "timenow": "{{timenow}}", "action": "buy" or "sell",
     "open": {{open}}, "high": {{high}}, "low": {{low}}, "close": {{close}}, "volume": {{volume}},
     "high_4": {{plot("high_4")}}, ..., "is_last_bar": false}
"""

from __future__ import annotations

import json

from demo.bars import ReplayBar

STRATEGY = "Daily bias"
EXCHANGES = {"AAPL": "NASDAQ", "GOOG": "NASDAQ", "IBM": "NYSE", "MSFT": "NASDAQ"}


def alert_message(item: ReplayBar) -> str:
    """The alert of one bar: a bias up when it closes above its 20-bar average, otherwise down."""
    bar = item.bar
    message = {
        "strategy": STRATEGY,
        "ticker": bar.ticker,
        "exchange": EXCHANGES.get(bar.ticker, "NYSE"),
        "interval": "1D",
        # The bar's open and the moment the alert fired: 14:30 and 21:00 UTC, as in New York's winter, all year.
        "time": f"{bar.day}T14:30:00Z",
        "timenow": f"{bar.day}T21:00:00Z",
        "action": "buy" if bar.close > item.indicators["sma_20"] else "sell",
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        **item.indicators,
        "is_last_bar": item.is_last,
    }
    return json.dumps(message)
