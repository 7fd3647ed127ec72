"""What would be understood of an alert, and why not: for whoever writes the message (R8.1).

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kernel.instants import format_timestamp
from signals_app.alerts.alert import NewSignal, RecordedOnly, Understood, residual, understand
from signals_app.alerts.decoding import decode_alert
from signals_app.alerts.directions import read_direction
from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Member, Members
from signals_app.alerts.placeholders import fill_placeholders
from signals_app.alerts.secret_masking import split_secrets
from signals_app.alerts.symbols import read_exchange, read_symbol
from signals_app.alerts.timeframes import read_timeframe
from signals_app.alerts.timestamps import read_timestamp
from signals_app.alerts.vocabulary import STRATEGY_ALIASES

DEFAULT_MAX_AGE_SECONDS = 300

_RECORDED = {
    "exit": "The alert ends a position. It is recorded and makes no signal.",
    "flat": "The alert ends a position. It is recorded and makes no signal.",
    "reduce": "The alert makes a position smaller. It is recorded and makes no signal.",
    "cancel": "The alert cancels an order. It is recorded and makes no signal.",
    "unchanged": "The alert changes no position. It is recorded and makes no signal.",
    "stale": "The alert is older than its source allows. It is recorded and makes no signal.",
}
# By the first word of the code; the sentence of the error says what is wrong, this how it goes right.
_REMEDIES = {
    "symbol": 'Write "symbol": "{{ticker}}".',
    "direction": 'Write "direction": "long" or "short", or "action": "{{strategy.order.action}}" in a strategy alert.',
    "timeframe": 'Write "timeframe": "{{interval}}".',
    "timestamp": 'Write "timestamp": "{{timenow}}".',
    "conflicting": "Keep the member that is right and take the other out of the message.",
    "unexpanded": "Use a placeholder that exists for this kind of alert, or a value.",
    "duplicate": "Keep one of the members with this name.",
    "number": "Put the number into quotes.",
}
_DEFAULT_REMEDY = "Start from the template and put quotes around every placeholder."


@dataclass(frozen=True, slots=True)
class FieldRead:
    """One field as understood, and the members of the message that it came from ("" when from none)."""

    name: str
    value: str
    member: str


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """What would become of a message.

    ``outcome`` is accepted, recorded or rejected; ``code`` the reason of a recorded and the code of a
    rejected one; ``sentence`` says it to people, ``remedy`` what to do about it ("" when nothing is
    wrong). ``fields`` are empty for a rejected one. ``passed_on`` are the members that engines get
    beside the fields, ``removed`` the secrets' names, ``filled`` the placeholders that got a sample value.
    """

    outcome: str
    code: str
    sentence: str
    remedy: str
    fields: tuple[FieldRead, ...] = ()
    passed_on: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()


def check_alert(text: str, now: datetime, max_age_seconds: int = DEFAULT_MAX_AGE_SECONDS) -> AlertCheck:
    """Return what the webhook would make of this message, had it come at that aware time.

    Placeholders get sample values first, so that the message can be pasted as written in TradingView.
    Whether its secret is right is not checked.
    """
    filled_in, filled = fill_placeholders(text, now)
    try:
        payload = decode_alert(filled_in.encode(errors="surrogatepass")).payload
        rest, _ = split_secrets(payload)
        understood = understand(rest, received_at=now, max_age_seconds=max_age_seconds)
    except AlertError as error:
        return AlertCheck("rejected", error.code, error.detail, _remedy(error.code), filled=filled)
    is_new = isinstance(understood, NewSignal)
    return AlertCheck(
        outcome="accepted" if is_new else "recorded",
        code="" if isinstance(understood, NewSignal) else understood.reason,
        sentence=_sentence(understood),
        remedy="",
        fields=_fields(Members(rest), understood),
        passed_on=tuple(residual(rest, understood)) if isinstance(understood, NewSignal) else (),
        removed=tuple(name for name in payload if name not in rest),
        filled=filled,
    )


def _remedy(code: str) -> str:
    return _REMEDIES.get(code.partition("_")[0], _DEFAULT_REMEDY)


def _sentence(understood: Understood) -> str:
    if isinstance(understood, RecordedOnly):
        return _RECORDED[understood.reason]
    return f"A new {understood.direction} signal on {understood.symbol}, {understood.timeframe}."


def _fields(members: Members, understood: Understood) -> tuple[FieldRead, ...]:
    symbol = read_symbol(members)
    timeframe = read_timeframe(members)
    timestamp = read_timestamp(members)
    direction = understood.direction if isinstance(understood, NewSignal) else understood.intent
    return (
        _field("symbol", understood.symbol, symbol.members),
        _field("exchange", understood.exchange, read_exchange(members, symbol).members or symbol.members),
        _field("direction", direction, read_direction(members).members),
        _field("timeframe", understood.timeframe, timeframe.members if timeframe else ()),
        _field(
            "timestamp",
            format_timestamp(understood.timestamp) if understood.timestamp else "",
            timestamp.members if timestamp else (),
        ),
        _field("strategy", understood.strategy, members.find(STRATEGY_ALIASES)[:1]),
    )


def _field(name: str, value: str, members: tuple[Member, ...] | list[Member]) -> FieldRead:
    return FieldRead(name, value, ", ".join(member.name for member in members) if value else "")
