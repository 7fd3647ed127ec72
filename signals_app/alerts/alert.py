"""What an alert means: a new signal, something to record only, or an error that says why (R1.1, R8.1).

The time of receipt is an argument. Payloads come here after their secrets were split off, so that no
error can show one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kernel.canonical import canonical_json
from kernel.errors import DomainError
from kernel.values import format_timestamp
from signals_app.alerts.directions import ENTRY_SHORT, DirectionReading, read_direction
from signals_app.alerts.fields import (
    Fields,
    Reading,
    TimestampReading,
    compact,
    duration,
    read_exchange,
    read_order_id,
    read_strategy,
    read_symbol,
    read_timeframe,
    read_timestamp,
)
from signals_app.alerts.refusals import Field, Path, conflict
from signals_app.alerts.vocabulary import (
    DIRECTION_ALIASES,
    ENVELOPES,
    POSITION_ALIASES,
    SYMBOL_ALIASES,
    TIMEFRAME_ALIASES,
    Weight,
)

# Clocks differ by seconds; a wrong time zone is a quarter of an hour off at least.
MAX_FUTURE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A trading opportunity, normalised; ``exchange``, ``strategy`` and ``order_id`` are "" when absent.

    ``read`` are the paths of the payload's fields that the values came from, ``passed_on`` those of them that engines
    get all the same: the context has no other place for the order id, by which they tell entries apart.
    """

    symbol: str
    exchange: str
    direction: str
    timeframe: str
    timestamp: datetime
    strategy: str
    order_id: str
    read: frozenset[Path]
    passed_on: frozenset[Path]

    @property
    def consumed(self) -> frozenset[str]:
        """The names of the payload's top-level fields that engines get as a field of the signal, if at all."""
        return frozenset(path[0] for path in self.read - self.passed_on if len(path) == 1)


@dataclass(frozen=True, slots=True)
class RecordedOnly:
    """An alert that is understood and creates no signal.

    ``reason`` is one of exit, flat, reduce, cancel, unchanged, stale; ``intent`` says more, such as
    EXIT_LONG, and is LONG or SHORT for a stale alert. ``because`` names the fields that decided it, and the source's
    setting where that did: a later change of the setting changes no history. An exit may lack timeframe ("") and
    timestamp (None).
    """

    reason: str
    intent: str
    because: str
    symbol: str
    exchange: str
    timeframe: str
    timestamp: datetime | None
    strategy: str
    order_id: str


Understood = NewSignal | RecordedOnly


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything an alert says, each with the fields that said it, before the clock is asked."""

    symbol: Reading[str]
    exchange: Reading[str]
    direction: DirectionReading
    timeframe: Reading[str] | None
    timestamp: TimestampReading | None
    strategy: Reading[str]
    order_id: Reading[str]

    def signal(self) -> NewSignal:
        """The signal these make; raise DomainError when the timeframe or the timestamp is missing."""
        if self.timeframe is None:
            raise DomainError(
                "timeframe_missing", 'The alert has no timeframe; add "timeframe": "{{interval}}".', "/timeframe"
            )
        if self.timestamp is None:
            raise DomainError(
                "timestamp_missing", 'The alert has no timestamp; add "timestamp": "{{timenow}}".', "/timestamp"
            )
        read = (
            *self.symbol.fields,
            *self.exchange.fields,
            *self.direction.fields,
            *self.timeframe.fields,
            *self.timestamp.fields,
            *self.strategy.fields,
            *self.order_id.fields,
        )
        return NewSignal(
            symbol=self.symbol.value,
            exchange=self.exchange.value,
            direction=self.direction.value,
            timeframe=self.timeframe.value,
            timestamp=self.timestamp.value,
            strategy=self.strategy.value,
            order_id=self.order_id.value,
            read=frozenset(field.path for field in read),
            passed_on=frozenset(field.path for field in self.order_id.fields),
        )

    def recorded(self, reason: str, because: str) -> RecordedOnly:
        """What is recorded of an alert that creates no signal."""
        return RecordedOnly(
            reason=reason,
            intent=self.direction.value,
            because=because,
            symbol=self.symbol.value,
            exchange=self.exchange.value,
            timeframe=self.timeframe.value if self.timeframe else "",
            timestamp=self.timestamp.value if self.timestamp else None,
            strategy=self.strategy.value,
            order_id=self.order_id.value,
        )


def understand(
    payload: Mapping[str, Any], *, received_at: datetime, max_age_seconds: int, bare_sell: str = ENTRY_SHORT
) -> Understood:
    """What the payload means at that time; raise DomainError with a public code (R8.1).

    ``received_at`` is aware. An alert older than ``max_age_seconds`` is recorded as stale, judged on
    its fire time, or on the end of its bar where only the bar's opening time is there; 0 disables the
    check. More than 300 seconds in the future is an error. ``bare_sell`` is what the source means by a sell
    that nothing else explains, entry_short or exit.
    """
    readings = read_alert(payload, bare_sell)
    timestamp = readings.timestamp
    if timestamp is not None and timestamp.value - received_at > timedelta(seconds=MAX_FUTURE_SECONDS):
        field = timestamp.fields[0]
        raise DomainError(
            "timestamp_future",
            f"{field.name} is {format_timestamp(timestamp.value)}, more than {MAX_FUTURE_SECONDS} seconds in the "
            'future; check the time zone, or send "{{timenow}}".',
            field.pointer,
        )
    # Before timeframe and timestamp are asked for: an exit may lack both.
    if not readings.direction.is_entry:
        return readings.recorded(readings.direction.value.partition("_")[0].lower(), readings.direction.why)
    signal = readings.signal()
    is_bar_open = timestamp is not None and timestamp.is_bar_open
    fired_at = signal.timestamp + (duration(signal.timeframe) if is_bar_open else timedelta())
    if max_age_seconds and received_at - fired_at > timedelta(seconds=max_age_seconds):
        names = " and ".join(field.name for field in readings.timestamp.fields) if readings.timestamp else ""
        late = int((received_at - fired_at).total_seconds())
        return readings.recorded("stale", f"{names} was {late} seconds ago, and {max_age_seconds} are allowed")
    return signal


def read_alert(payload: Mapping[str, Any], bare_sell: str = ENTRY_SHORT) -> Readings:
    """What the payload says, whatever the time; raise DomainError where it cannot be read."""
    fields = Fields(payload)
    symbol = read_symbol(fields)
    return Readings(
        symbol=symbol,
        exchange=read_exchange(fields, symbol),
        direction=read_direction(fields, bare_sell),
        timeframe=read_timeframe(fields),
        timestamp=read_timestamp(fields),
        strategy=read_strategy(fields),
        order_id=read_order_id(fields),
    )


def read_signal(payload: Mapping[str, Any]) -> NewSignal:
    """The signal in a payload that was accepted before, whatever the time; raise DomainError when there is none."""
    readings = read_alert(payload)
    if not readings.direction.is_entry:
        raise DomainError("direction_invalid", f"The alert means {readings.direction.value} and creates no signal.")
    return readings.signal()


def residual(payload: Mapping[str, Any], understood: NewSignal) -> dict[str, Any]:
    """What the payload says beyond the signal's fields; objects left empty by that are gone."""
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
        elif (name,) not in understood.read:
            rest[name] = value
    return rest


def means_the_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two payloads with the same natural key differ in spelling only (a duplicate).

    False means the second contradicts the first (a conflict): anything beyond the signal's fields differs.
    """
    rests = [residual(payload, read_signal(payload)) for payload in (first, second)]
    return canonical_json(rests[0]) == canonical_json(rests[1])


# One in another happens ({"data": {"alert": ...}}); more are nobody's format.
_MAX_ENVELOPES = 3
_SYMBOLS = frozenset((*SYMBOL_ALIASES, "tradingsymbol"))
_DIRECTIONS = frozenset(
    (*(name for name, field in DIRECTION_ALIASES.items() if field.weight is Weight.STRICT), *POSITION_ALIASES)
)
# What an envelope of its own may say again, about itself: when it was sent, and its number.
_MEANING = _SYMBOLS | _DIRECTIONS | frozenset(TIMEFRAME_ALIASES)


def open_envelope(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with an alert that it wraps in its place; the same payload when it wraps none.

    The wrapper's own members stay beside those of the alert, which win where both have a name. Raise DomainError
    `conflicting_alias` when both name a symbol, direction or timeframe and differ.
    """
    # Nearly all alerts hold no object at all, and every alert passes here.
    if dict not in map(type, payload.values()):
        return payload
    for _ in range(_MAX_ENVELOPES):
        envelope = next(
            (
                name
                for name, value in payload.items()
                if isinstance(value, dict) and compact(name) in ENVELOPES and _wraps(value, payload)
            ),
            None,
        )
        if envelope is None:
            break
        inside = payload[envelope]
        outside = {name: value for name, value in payload.items() if name != envelope}
        for name, value in inside.items():
            if compact(name) in _MEANING and outside.get(name, value) != value:
                raise conflict(
                    "conflicting_alias",
                    Field(compact(name), (name,), outside[name]),
                    Field(compact(name), (envelope, name), value),
                )
        payload = outside | inside
    return payload


def _wraps(inside: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    """Whether the object holds a symbol, a direction or another envelope that is missing beside it."""
    there, here = ({compact(key) for key, value in level.items() if value is not None} for level in (inside, payload))
    return any(not there.isdisjoint(kind) and here.isdisjoint(kind) for kind in (_SYMBOLS, _DIRECTIONS)) or (
        here.isdisjoint(_SYMBOLS) and any(compact(key) in ENVELOPES and isinstance(inside[key], dict) for key in inside)
    )
