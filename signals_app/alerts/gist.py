"""An alert in a few words, as its sender wrote them: "MSFT buy 1D 2003-09-23". Nothing is judged or refused.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kernel.errors import DomainError
from kernel.values import day_text
from signals_app.alerts.alert import open_envelope
from signals_app.alerts.fields import Fields, read_timestamp
from signals_app.alerts.vocabulary import (
    DIRECTION_ALIASES,
    SYMBOL_ALIASES,
    TIMEFRAME_ALIASES,
    WEAK_SYMBOL_ALIASES,
    WEAK_TIMEFRAME_ALIASES,
)

# Real alerts are far shorter; a list of many must not be slow to read whatever somebody sends.
MOST_BYTES = 4096
MOST_CHARACTERS = 40


def gist(body: bytes) -> str:
    """Symbol, direction, timeframe and day, as far as they are there; "" for what is not an alert at all."""
    if len(body) > MOST_BYTES:
        return ""
    try:
        payload = json.loads(body)
        fields = Fields(open_envelope(payload)) if isinstance(payload, dict) else Fields({})
    except (ValueError, RecursionError, DomainError):
        return ""
    said = [
        _first(fields, names)
        for names in (
            (*SYMBOL_ALIASES, *WEAK_SYMBOL_ALIASES),
            DIRECTION_ALIASES,
            (*TIMEFRAME_ALIASES, *WEAK_TIMEFRAME_ALIASES),
        )
    ]
    return " ".join(filter(None, (*said, _day(fields)))) if said[0] else ""


def _first(fields: Fields, names: Iterable[str]) -> str:
    """The first of these fields with a text or a number, cut where it is no word any more."""
    values: Iterable[Any] = (field.value for field in fields.find(names))
    found = next((str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)), "")
    return " ".join(found.split())[:MOST_CHARACTERS]


def _day(fields: Fields) -> str:
    try:
        told = read_timestamp(fields)
    except DomainError:
        return ""
    return day_text(told.value.date()) if told else ""
