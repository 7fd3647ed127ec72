"""The demo's alert messages, as TradingView sends them after filling in its placeholders.

The message on the chart would read:

    {"strategy": "Average cross", "ticker": "{{ticker}}", "exchange": "{{exchange}}", "interval": "{{interval}}",
     "time": "{{time}}", "timenow": "{{timenow}}", "action": "buy" or "sell",
     "open": {{open}}, "high": {{high}}, "low": {{low}}, "close": {{close}}, "volume": {{volume}},
     "high_4": {{plot("high_4")}}, ..., "is_last_bar": false}
"""

from __future__ import annotations

import json

from demo.bars import ReplayBar, closes_at

STRATEGY = "Average cross"
EXCHANGES = {"AAPL": "NASDAQ", "GOOG": "NASDAQ", "IBM": "NYSE", "MSFT": "NASDAQ"}


def alert_message(item: ReplayBar) -> str:
    """The alert of one bar: up when it has crossed its 50-bar average upwards, otherwise down."""
    bar = item.bar
    message = {
        "strategy": STRATEGY,
        "ticker": bar.ticker,
        "exchange": EXCHANGES.get(bar.ticker, "NYSE"),
        "interval": "1D",
        # The bar's open and the moment the alert fired.
        "time": f"{bar.day}T14:30:00Z",
        "timenow": closes_at(bar),
        "action": "buy" if item.side == "LONG" else "sell",
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        **item.indicators,
        "is_last_bar": item.is_last,
    }
    return json.dumps(message)
