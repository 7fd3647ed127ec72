"""What the webhook would make of an alert message, and why not: for whoever writes the message (R8.1)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.errors import DomainError
from kernel.values import format_timestamp, instant_text
from signals_app.alerts.alert import NewSignal, Readings, open_envelope, read_alert, understand
from signals_app.alerts.closing_vocabulary import SIZE_ALIASES
from signals_app.alerts.decoding import decode_alert, split_secrets
from signals_app.alerts.directions import ENTRY_SHORT
from signals_app.alerts.documents import PRICE_MEMBERS
from signals_app.alerts.fields import Fields, Reading, TimestampReading, read_sequence
from signals_app.alerts.vocabulary import DIRECTION_ALIASES, POSITION_ALIASES

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

# A number that a script plots: TradingView has no count of its own.
_SEQUENCE_LINE = '  "sequence": "{{plot("Sequence")}}",\n'
_SECRET_LINE = '  "secret": "the body secret of the source"\n'  # noqa: S105 (what to replace)
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


def templates_for(*, secret: bool = True, sequence: bool = False) -> tuple[tuple[str, str], ...]:
    """The templates that a desk should use, each with what it is for, as its source wants them."""
    titles = ("Strategy alerts", "Indicator or price alerts (one alert per direction)")
    found = []
    for text in (TRADINGVIEW_TEMPLATE, TRADINGVIEW_INDICATOR_TEMPLATE):
        body = text.removesuffix(f"{_SECRET_LINE}}}") + (_SEQUENCE_LINE if sequence else "")
        found.append(body + _SECRET_LINE + "}" if secret else body.removesuffix(",\n") + "\n}")
    return tuple(zip(titles, found, strict=True))


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
    that got a sample value. ``lacks`` are sentences on what the message had better say as well.
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
    lacks: tuple[str, ...] = ()


def check_alert(
    text: str,
    now: datetime,
    max_age_seconds: int = DEFAULT_MAX_AGE_SECONDS,
    bare_sell: str = ENTRY_SHORT,
    wants: Collection[str] = (),
) -> AlertCheck:
    """What the webhook would make of this message, had it come at that aware time.

    Placeholders get sample values first, so that the message can be pasted as written in TradingView.
    Whether its secret is right is not checked. ``wants`` names what its source expects of every message: secret,
    sequence.
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
    lacks = tuple(_lacks(rest, readings, [want for want in wants if want != "secret" or not removed]))
    if isinstance(understood, NewSignal):
        sentence = f"Creates a {understood.direction} signal on {understood.symbol}, {understood.timeframe}."
        passed_on = tuple(name for name in rest if name not in understood.consumed)
        because = readings.direction.why
        return AlertCheck("accepted", "", sentence, "", because, fields, passed_on, removed, filled, lacks)
    sentence, because = _RECORDED[understood.reason], understood.because
    return AlertCheck("recorded", understood.reason, sentence, "", because, fields, (), removed, filled, lacks)


def _lacks(payload: dict[str, Any], readings: Readings, wants: Collection[str]) -> Iterator[str]:
    """What the message had better say as well, and what that is good for."""
    fields = Fields(payload)
    words = [DIRECTION_ALIASES.get(by.alias) for by in readings.direction.decided_by]
    # An indicator knows no order and no position, and what is told as an exit needs neither.
    if readings.direction.is_entry and any(word is not None and word.is_order for word in words):
        if not readings.order_id.value:
            yield 'No order id: two entries within one second pass for one. Add "order_id": "{{strategy.order.id}}".'
        if not fields.find(POSITION_ALIASES) and not fields.find(SIZE_ALIASES):
            yield (
                "No position after the order: an exit that nothing else tells passes for an entry. Add "
                '"market_position": "{{strategy.market_position}}" and '
                '"market_position_size": "{{strategy.market_position_size}}".'
            )
    if readings.direction.is_entry and not fields.find(PRICE_MEMBERS):
        yield 'No price: engines get none with the signal. Add "close": "{{close}}".'
    if "secret" in wants:
        yield 'No secret: the source requires one and answers 401 without it. Add it as "secret".'
    if "sequence" in wants and read_sequence(fields) is None:
        yield (
            "No sequence number: the source is watched by it. Let the script count its alerts and plot the number, and "
            'add "sequence": "{{plot("Sequence")}}".'
        )


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
        plotted = "17" if "sequence" in match["name"].lower() else "55.31"
        value = plotted if _PLOT.fullmatch(match["name"]) else samples.get(match["name"])
        if value is None:
            return match[0]
        filled.append(match[0])
        return value

    return _PLACEHOLDER.sub(sample, text), tuple(dict.fromkeys(filled))
