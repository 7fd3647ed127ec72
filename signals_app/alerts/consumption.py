"""Which members of a payload became signal fields, remembered for payloads that say the same.

Pure: no I/O, no clock, no randomness; what is remembered is a function of what it is remembered for.

A reader of fields sees only the members whose names are aliases, at the top or in a container. So two
payloads with the same such members give up the same ones, and those of the timestamp, which differs in
every alert, are read apart: no name is an alias of the time and of anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from signals_app.alerts.alert import read_signal
from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Members, compact
from signals_app.alerts.timestamps import read_timestamp
from signals_app.alerts.vocabulary import (
    CONTAINERS,
    DIRECTION_ALIASES,
    DIRECTION_FLAGS,
    EXCHANGE_ALIASES,
    OPTION_TYPE_ALIASES,
    POSITION_ALIASES,
    PREVIOUS_POSITION_ALIASES,
    STRATEGY_ALIASES,
    SYMBOL_ALIASES,
    TIMEFRAME_ALIASES,
    TIMESTAMP_RANKS,
    WEAK_SYMBOL_ALIASES,
    WEAK_TIMEFRAME_ALIASES,
)

TIME_ALIASES = frozenset(alias for rank in TIMESTAMP_RANKS for alias in rank)
FIELD_ALIASES = frozenset(
    (
        *SYMBOL_ALIASES, *WEAK_SYMBOL_ALIASES, *EXCHANGE_ALIASES, *TIMEFRAME_ALIASES, *WEAK_TIMEFRAME_ALIASES,
        *STRATEGY_ALIASES, *DIRECTION_ALIASES, *DIRECTION_FLAGS, *POSITION_ALIASES, *PREVIOUS_POSITION_ALIASES,
        *OPTION_TYPE_ALIASES,
    )
)  # fmt: skip
# Payloads of one source differ in little but time and numbers; this is for those that do not.
MOST_REMEMBERED = 10_000

_SCALARS = (str, int, float, bool, type(None))
_FIRST_YEAR, _LAST_YEAR = "1970", "2100"
_NOTHING, _FIELD, _TIME = range(3)
Names = tuple[str, ...]


class _Relevant(NamedTuple):
    """The members that matter to any reader, by name alone; containers as long as they are objects."""

    times: list[str]
    fields: list[tuple[str, bool]]  # name, and whether it is a container too
    containers: list[tuple[str, str]]  # name and alias


class Consumption:
    """Tells which top-level members of accepted payloads became signal fields, quickly."""

    def __init__(self) -> None:
        self._relevant: dict[Names, _Relevant] = {}
        self._inner_kinds: dict[tuple[str, str], int] = {}
        self._consumed: dict[tuple[Any, ...], frozenset[str]] = {}

    def of(self, payload: Mapping[str, Any], timestamp: str) -> frozenset[str] | None:
        """Return what `consumed_members` returns; None where that raises, and where it has to be asked.

        ``timestamp`` is the time of the stored signal as in every hashed document.
        """
        relevant = self._relevant_of(tuple(payload))
        said: list[tuple[Any, ...]] = []
        for name, is_container in relevant.fields:
            kind = type(value := payload[name])
            if kind in _SCALARS:
                # 1, 1.0 and True are equal, and so are 0.0 and -0.0; what they say is not.
                said.append((name, kind, repr(value) if kind is float else value))
            elif kind is dict and is_container:
                said.append((name, kind))
            else:
                return None
        times = {name: payload[name] for name in relevant.times}
        for name, alias in relevant.containers:
            if type(value := payload[name]) is dict and self._look_into(name, alias, value, said):
                times[name] = value
        of_the_time = _consumed_times(times, timestamp)
        if of_the_time is None:
            return None
        consumed = self._remembered(payload, tuple(said), of_the_time)
        return None if consumed is None else consumed | of_the_time

    def _relevant_of(self, names: Names) -> _Relevant:
        known = self._relevant.get(names)
        if known is None:
            aliases = [(name, compact(name)) for name in names]
            known = _Relevant(
                times=[name for name, alias in aliases if alias in TIME_ALIASES],
                fields=[(name, alias in CONTAINERS) for name, alias in aliases if alias in FIELD_ALIASES],
                containers=[(name, alias) for name, alias in aliases if alias in CONTAINERS],
            )
            if len(self._relevant) >= MOST_REMEMBERED:
                self._relevant.clear()
            self._relevant[names] = known
        return known

    def _look_into(self, name: str, alias: str, inner: dict[str, Any], said: list[tuple[Any, ...]]) -> bool:
        """Add what a container's relevant members say; tell whether one of them is a time."""
        has_time = False
        for inner_name, value in inner.items():
            kind = self._inner_kinds.get((alias, inner_name))
            if kind is None:
                kind = self._inner_kind(alias, inner_name)
            if kind == _TIME:
                has_time = True
            elif kind == _FIELD:
                said.append((name, inner_name, type(value), value if type(value) is str else repr(value)))
        return has_time

    def _inner_kind(self, alias: str, inner_name: str) -> int:
        path = f"{alias}.{compact(inner_name)}"
        kind = _TIME if path in TIME_ALIASES else _FIELD if path in FIELD_ALIASES else _NOTHING
        if len(self._inner_kinds) >= MOST_REMEMBERED:
            self._inner_kinds.clear()
        self._inner_kinds[alias, inner_name] = kind
        return kind

    def _remembered(
        self, payload: Mapping[str, Any], said: tuple[Any, ...], of_the_time: frozenset[str]
    ) -> frozenset[str] | None:
        consumed = self._consumed.get(said)
        if consumed is None:
            try:
                consumed = read_signal(payload).consumed - of_the_time
            except AlertError:
                return None
            if len(self._consumed) >= MOST_REMEMBERED:
                self._consumed.clear()
            self._consumed[said] = consumed
        return consumed


def _says(text: str, timestamp: str) -> bool:
    """Tell whether a text is plainly this time, written Z or +00:00, with or without a fraction of zeros."""
    plain = text[:-1] if text[-1:] == "Z" else text[:-6] if text[-6:] == "+00:00" else ""
    return plain == timestamp[:-1] or (plain == timestamp[:19] and timestamp[19:] == ".000000Z")


def _consumed_times(times: dict[str, Any], timestamp: str) -> frozenset[str] | None:
    """Return the top-level members that gave the timestamp, None when there is none to be read."""
    if len(times) == 1 and _FIRST_YEAR <= timestamp[:4] <= _LAST_YEAR:
        (value,) = times.values()
        if type(value) is str and _says(value, timestamp):
            return frozenset(times)
    try:
        reading = read_timestamp(Members(times))
    except AlertError:
        return None
    if reading is None:
        return None
    return frozenset(member.path[0] for member in reading.members if len(member.path) == 1)
