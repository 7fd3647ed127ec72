"""What an alert means: a new signal, something to record only, or an error that says why (R1.1, R8.1).

Pure: no I/O, no clock, no randomness; the time of receipt is an argument. Payloads come here
after their secrets were split off, so that no error can show one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kernel.instants import format_timestamp
from kernel.json_text import canonical_json
from signals_app.alerts.directions import DirectionReading, read_direction
from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Member, Members, Path, Reading, refuse_placeholder
from signals_app.alerts.symbols import read_exchange, read_symbol
from signals_app.alerts.timeframes import duration, read_timeframe
from signals_app.alerts.timestamps import TimestampReading, read_timestamp
from signals_app.alerts.vocabulary import STRATEGY_ALIASES

MAX_FUTURE_SECONDS = 300
MAX_STRATEGY_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A trading opportunity, normalised; ``exchange`` and ``strategy`` are "" when absent."""

    symbol: str
    exchange: str
    direction: str
    timeframe: str
    timestamp: datetime
    strategy: str
    read: frozenset[Path]

    @property
    def consumed(self) -> frozenset[str]:
        """Return the names of the top-level members whose value became one of the fields above."""
        return frozenset(path[0] for path in self.read if len(path) == 1)


@dataclass(frozen=True, slots=True)
class RecordedOnly:
    """An alert that is understood and makes no signal.

    ``reason`` is one of exit, flat, reduce, cancel, unchanged, stale; ``intent`` says more, such as
    EXIT_LONG, and is LONG or SHORT for a stale alert. An exit may lack timeframe ("") and timestamp
    (None).
    """

    reason: str
    intent: str
    symbol: str
    exchange: str
    timeframe: str
    timestamp: datetime | None
    strategy: str


Understood = NewSignal | RecordedOnly


@dataclass(frozen=True, slots=True)
class _Readings:
    """Everything an alert says, before the clock is asked."""

    symbol: Reading[str]
    exchange: Reading[str]
    direction: DirectionReading
    timeframe: Reading[str] | None
    timestamp: TimestampReading | None
    strategy: Reading[str]


def understand(payload: Mapping[str, Any], *, received_at: datetime, max_age_seconds: int) -> Understood:
    """Return what the payload means at that time, or raise AlertError with a public code (R8.1).

    ``received_at`` is aware. An alert older than ``max_age_seconds`` is recorded as stale, judged on
    its fire time, or on the end of its bar where only the bar's opening time is there; 0 turns the
    check off. More than 300 seconds in the future is an error.
    """
    readings = _read(payload)
    if readings.timestamp is not None:
        _refuse_future(readings.timestamp, received_at)
    intent = readings.direction.value
    if not readings.direction.is_entry:
        return _recorded(readings, _reason(intent))
    signal = _signal(readings)
    if max_age_seconds and _age(readings, received_at) > timedelta(seconds=max_age_seconds):
        return _recorded(readings, "stale")
    return signal


def read_signal(payload: Mapping[str, Any]) -> NewSignal:
    """Return the signal in a payload that was accepted before, without asking any clock.

    Raise AlertError when the payload makes no signal.
    """
    readings = _read(payload)
    if not readings.direction.is_entry:
        raise AlertError("direction_invalid", f"The alert means {readings.direction.value}, which is no signal.")
    return _signal(readings)


def residual(payload: Mapping[str, Any], understood: NewSignal) -> dict[str, Any]:
    """Return what the payload says beyond the signal's fields; objects left empty by that are gone."""
    nested: dict[str, set[str]] = {}
    for path in understood.read:
        if len(path) > 1:
            nested.setdefault(path[0], set()).add(path[1])
    rest: dict[str, Any] = {}
    for name, value in payload.items():
        if name in nested:
            inner = {key: item for key, item in value.items() if key not in nested[name]}
            if inner:
                rest[name] = inner
        elif name not in understood.consumed:
            rest[name] = value
    return rest


def means_the_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Tell whether two payloads with the same natural key differ in spelling only (a duplicate).

    False means the second contradicts the first (a conflict): the exchange or anything beyond the
    signal's fields differs.
    """
    signals = read_signal(first), read_signal(second)
    if signals[0].exchange != signals[1].exchange:
        return False
    return canonical_json(residual(first, signals[0])) == canonical_json(residual(second, signals[1]))


def _read(payload: Mapping[str, Any]) -> _Readings:
    members = Members(payload)
    symbol = read_symbol(members)
    return _Readings(
        symbol=symbol,
        exchange=read_exchange(members, symbol),
        direction=read_direction(members),
        timeframe=read_timeframe(members),
        timestamp=read_timestamp(members),
        strategy=_read_strategy(members),
    )


def _signal(readings: _Readings) -> NewSignal:
    if readings.timeframe is None:
        raise AlertError(
            "timeframe_missing", 'The alert names no timeframe; add "timeframe": "{{interval}}".', "timeframe"
        )
    if readings.timestamp is None:
        raise AlertError("timestamp_missing", 'The alert names no time; add "timestamp": "{{timenow}}".', "timestamp")
    read = (
        *readings.symbol.members,
        *readings.exchange.members,
        *readings.direction.members,
        *readings.timeframe.members,
        *readings.timestamp.members,
        *readings.strategy.members,
    )
    return NewSignal(
        symbol=readings.symbol.value,
        exchange=readings.exchange.value,
        direction=readings.direction.value,
        timeframe=readings.timeframe.value,
        timestamp=readings.timestamp.value,
        strategy=readings.strategy.value,
        read=frozenset(member.path for member in read),
    )


def _recorded(readings: _Readings, reason: str) -> RecordedOnly:
    return RecordedOnly(
        reason=reason,
        intent=readings.direction.value,
        symbol=readings.symbol.value,
        exchange=readings.exchange.value,
        timeframe=readings.timeframe.value if readings.timeframe else "",
        timestamp=readings.timestamp.value if readings.timestamp else None,
        strategy=readings.strategy.value,
    )


def _reason(intent: str) -> str:
    return intent.partition("_")[0].lower()


def _refuse_future(timestamp: TimestampReading, received_at: datetime) -> None:
    if timestamp.value - received_at > timedelta(seconds=MAX_FUTURE_SECONDS):
        name = timestamp.members[0].name
        raise AlertError(
            "timestamp_future",
            f"{name} is {format_timestamp(timestamp.value)}, more than {MAX_FUTURE_SECONDS} seconds after the alert "
            'arrived; check the zone, or send "{{timenow}}".',
            name,
        )


def _age(readings: _Readings, received_at: datetime) -> timedelta:
    assert readings.timestamp is not None
    assert readings.timeframe is not None
    fired_at = readings.timestamp.value
    if readings.timestamp.is_bar_open:
        fired_at += duration(readings.timeframe.value)
    return received_at - fired_at


def _read_strategy(members: Members) -> Reading[str]:
    """Return the strategy's name, "" when absent; a name that had to be cut stays in the payload as well."""
    for member in members.find(STRATEGY_ALIASES):
        text = _strategy_text(member)
        if text:
            cut = text[:MAX_STRATEGY_CHARACTERS]
            return Reading(cut, (member,) if cut == text else ())
    return Reading("", ())


def _strategy_text(member: Member) -> str:
    if isinstance(member.value, str):
        refuse_placeholder(member)
        return member.value.strip()
    is_id = isinstance(member.value, int) and not isinstance(member.value, bool) and member.alias != "strategy"
    return str(member.value) if is_id else ""
