"""What the webhook would make of an alert message, and why not: for whoever writes the message (R8.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.errors import DomainError
from kernel.values import format_timestamp, instant_text
from signals_app.alerts.alert import NewSignal, read_alert, understand
from signals_app.alerts.decoding import decode_alert, open_envelope
from signals_app.alerts.directions import ENTRY_SHORT
from signals_app.alerts.fields import Reading
from signals_app.alerts.secret_masking import split_secrets
from signals_app.alerts.times import TimestampReading

# When news comes, deliveries take ten seconds, and one that is sent again longer: below a minute good alerts are lost.
DEFAULT_MAX_AGE_SECONDS = 300

_RECORDED = {
    "exit": "The alert closes a position. It is recorded and creates no signal.",
    "flat": "The alert closes a position. It is recorded and creates no signal.",
    "reduce": "The alert reduces a position. It is recorded and creates no signal.",
    "cancel": "The alert cancels an order. It is recorded and creates no signal.",
    "unchanged": "The alert leaves the position unchanged. It is recorded and creates no signal.",
    "stale": "The alert is older than its source allows. It is recorded and creates no signal.",
}

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
    # What TradingView writes for a symbol that is no pair.
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

# For alerts on a strategy: positions and sizes tell an entry from an exit, the order's id one entry from the next.
TRADINGVIEW_TEMPLATE = """\
{
  "symbol": "{{ticker}}",
  "exchange": "{{exchange}}",
  "action": "{{strategy.order.action}}",
  "market_position": "{{strategy.market_position}}",
  "prev_market_position": "{{strategy.prev_market_position}}",
  "market_position_size": "{{strategy.market_position_size}}",
  "prev_market_position_size": "{{strategy.prev_market_position_size}}",
  "timeframe": "{{interval}}",
  "timestamp": "{{timenow}}",
  "strategy": "my strategy",
  "order_id": "{{strategy.order.id}}",
  "price": "{{strategy.order.price}}",
  "open": "{{open}}",
  "high": "{{high}}",
  "low": "{{low}}",
  "close": "{{close}}",
  "volume": "{{volume}}",
  "secret": "the body secret of the source"
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
  "plot_0": "{{plot_0}}",
  "secret": "the body secret of the source"
}"""


@dataclass(frozen=True, slots=True)
class FieldRead:
    """One field of the signal, and the fields of the message that it came from ("" when from none)."""

    name: str
    value: str
    read_from: str


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """What would become of a message.

    ``outcome`` is accepted, recorded or rejected; ``code`` the reason of a recorded and the code of a
    rejected one; ``sentence`` says it to people, ``because`` which fields decided it, ``remedy`` what to do
    about it ("" when nothing is wrong). ``fields`` are empty for a rejected one. ``passed_on`` are the
    message's fields that engines get beside them, ``removed`` the secrets' names, ``filled`` the placeholders
    that got a sample value.
    """

    outcome: str
    code: str
    sentence: str
    remedy: str
    because: str = ""
    fields: tuple[FieldRead, ...] = ()
    passed_on: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()


def check_alert(
    text: str, now: datetime, max_age_seconds: int = DEFAULT_MAX_AGE_SECONDS, bare_sell: str = ENTRY_SHORT
) -> AlertCheck:
    """What the webhook would make of this message, had it come at that aware time.

    Placeholders get sample values first, so that the message can be pasted as written in TradingView.
    Whether its secret is right is not checked.
    """
    filled_in, filled = fill_placeholders(text, now)
    try:
        # Half a surrogate pair gets as far as the decoder, which says what is wrong with it.
        payload = decode_alert(filled_in.encode(errors="surrogatepass"))
        without_secrets, _ = split_secrets(payload)
        rest = open_envelope(without_secrets)
        understood = understand(rest, received_at=now, max_age_seconds=max_age_seconds, bare_sell=bare_sell)
    except DomainError as error:
        return AlertCheck("rejected", error.code, error.detail, error.problem.remedy, filled=filled)
    removed = tuple(_removed(payload, without_secrets))

    def field(name: str, value: str, reading: Reading[str] | TimestampReading | None) -> FieldRead:
        sources = reading.fields if reading and value else ()
        return FieldRead(name, value, ", ".join(source.name for source in sources))

    readings = read_alert(rest, bare_sell)
    fields = (
        field("symbol", understood.symbol, readings.symbol),
        # Without a field of its own, the exchange is the prefix of the symbol.
        field("exchange", understood.exchange, readings.exchange if readings.exchange.fields else readings.symbol),
        FieldRead("direction", readings.direction.value, ", ".join(by.name for by in readings.direction.decided_by)),
        field("timeframe", understood.timeframe, readings.timeframe),
        field("timestamp", format_timestamp(understood.timestamp) if understood.timestamp else "", readings.timestamp),
        field("strategy", understood.strategy, readings.strategy),
        field("order_id", understood.order_id, readings.order_id),
    )
    if isinstance(understood, NewSignal):
        sentence = f"Creates a {understood.direction} signal on {understood.symbol}, {understood.timeframe}."
        passed_on = tuple(name for name in rest if name not in understood.consumed)
        return AlertCheck("accepted", "", sentence, "", readings.direction.why, fields, passed_on, removed, filled)
    sentence = _RECORDED[understood.reason]
    return AlertCheck("recorded", understood.reason, sentence, "", understood.because, fields, (), removed, filled)


def _removed(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """The names of the members that were removed as secrets, with a dot for each level."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name in after:
                yield from _removed(value, after[name], f"{place}{name}.")
            else:
                yield f"{place}{name}"
    elif isinstance(before, list) and isinstance(after, list):
        for number, (value, rest) in enumerate(zip(before, after, strict=True)):
            yield from _removed(value, rest, f"{place}{number}.")


def fill_placeholders(text: str, now: datetime) -> tuple[str, tuple[str, ...]]:
    """The text as TradingView could have sent it at that UTC time, and the placeholders filled in.

    Unknown placeholders stay, as they do at TradingView.
    """
    filled: list[str] = []
    times = {"timenow": now, "time": now.replace(second=0)}
    samples = _SAMPLES | {name: instant_text(moment) for name, moment in times.items()}

    def sample(match: re.Match[str]) -> str:
        value = "55.31" if _PLOT.fullmatch(match["name"]) else samples.get(match["name"])
        if value is None:
            return match[0]
        filled.append(match[0])
        return value

    return _PLACEHOLDER.sub(sample, text), tuple(dict.fromkeys(filled))
