"""Alerts that come wrapped: the whole of them in one object, with what the wrapper adds beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signals_app.alerts.fields import Field, compact, conflict
from signals_app.alerts.vocabulary import (
    DIRECTION_ALIASES,
    ENVELOPES,
    POSITION_ALIASES,
    SYMBOL_ALIASES,
    TIMEFRAME_ALIASES,
    Weight,
)

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
