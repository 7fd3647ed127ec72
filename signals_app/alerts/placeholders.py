"""TradingView's placeholders, with what they could stand for: so that a message can be tried before it is used.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import re
from datetime import datetime

from kernel.instants import instant_text

_PLACEHOLDER = re.compile(r"\{\{\s*(?P<name>[^{}]*?)\s*\}\}")
_PLOT = re.compile(r"plot_1?[0-9]|plot\(.*\)")

# Placeholders of free text, such as {{strategy.order.alert_message}}, could hold anything and are not here.
_SAMPLES = {
    "ticker": "SPY",
    "exchange": "AMEX",
    "interval": "5",
    "open": "567.9",
    "high": "568.4",
    "low": "567.75",
    "close": "568.25",
    "volume": "12345",
    "syminfo.currency": "USD",
    "syminfo.basecurrency": "na",
    "strategy.order.action": "buy",
    "strategy.order.contracts": "1",
    "strategy.order.price": "568.25",
    "strategy.order.id": "Long",
    "strategy.order.comment": "Long",
    "strategy.market_position": "long",
    "strategy.market_position_size": "1",
    "strategy.position_size": "1",
    "strategy.prev_market_position": "flat",
    "strategy.prev_market_position_size": "0",
}

# For alerts on a strategy: the positions tell an entry from an exit.
TRADINGVIEW_TEMPLATE = """\
{
  "symbol": "{{ticker}}",
  "exchange": "{{exchange}}",
  "action": "{{strategy.order.action}}",
  "market_position": "{{strategy.market_position}}",
  "prev_market_position": "{{strategy.prev_market_position}}",
  "timeframe": "{{interval}}",
  "timestamp": "{{timenow}}",
  "strategy": "my strategy",
  "open": "{{open}}",
  "high": "{{high}}",
  "low": "{{low}}",
  "close": "{{close}}",
  "volume": "{{volume}}"
}"""
# For alerts on an indicator or a price, where TradingView knows no order: one alert for each direction.
TRADINGVIEW_INDICATOR_TEMPLATE = """\
{
  "symbol": "{{ticker}}",
  "exchange": "{{exchange}}",
  "direction": "long",
  "timeframe": "{{interval}}",
  "timestamp": "{{timenow}}",
  "strategy": "my indicator",
  "open": "{{open}}",
  "high": "{{high}}",
  "low": "{{low}}",
  "close": "{{close}}",
  "volume": "{{volume}}",
  "plot_0": "{{plot_0}}"
}"""


def fill_placeholders(text: str, now: datetime) -> tuple[str, tuple[str, ...]]:
    """Return the text as TradingView could have sent it at that UTC time, and the placeholders filled in.

    Unknown placeholders stay, as they do at TradingView.
    """
    filled: list[str] = []

    def sample(match: re.Match[str]) -> str:
        value = _sample(match["name"], now)
        if value is None:
            return match[0]
        filled.append(match[0])
        return value

    return _PLACEHOLDER.sub(sample, text), tuple(dict.fromkeys(filled))


def _sample(name: str, now: datetime) -> str | None:
    if name == "timenow":
        return instant_text(now)
    if name == "time":
        return instant_text(now.replace(second=0, microsecond=0))
    if _PLOT.fullmatch(name):
        return "55.31"
    return _SAMPLES.get(name)
