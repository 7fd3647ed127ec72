"""The bodies of requests: what they mean, whatever way they are written, and the very text where that counts.

A retry may write 1.390 for 1.39, another zone or another spelling of a contract, and is still the same report. A
recommendation is kept as its engine wrote it, to the last space (R7.5).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from kernel.canonical import document_hash
from kernel.values import format_timestamp, plain_text
from outcomes.core.instruments import canonical_instrument
from outcomes.core.quoting import read_price, read_quote_time

# Numbers stay text: only where they end is asked, and Python refuses to read one of five thousand digits.
_READER = json.JSONDecoder(parse_float=str, parse_int=str)
# Members that quotes and settlements have. Of any other, only its engine knows whether 1.390 is a number to it.
_PRICES = ("bid", "ask", "last", "price", "underlying")
_TIMES = ("quote_time", "settled_at")


def meaning_hash(values: Mapping[str, Any]) -> str:
    """SHA-256 that recognises a repeated request by what it means: 1.390 is 1.39, a default said is a default left out.

    `values` are the validated fields, with defaults filled in and instruments in their one spelling.
    """
    return document_hash(_meaning(values))


def _meaning(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _meaning(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_meaning(item) for item in value]
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, Decimal):
        return plain_text(value)
    return str(value) if isinstance(value, UUID) else value


def one_spelling(value: Any) -> Any:
    """Market conditions as sent, with the prices, times and instruments of quotes and settlements in one spelling each.

    For `meaning_hash` alone: what is stored, and hashed for the shadow, is what was sent.
    """
    if isinstance(value, list):
        return [one_spelling(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {canonical_instrument(name): _spelled(name, member) for name, member in value.items()}


def _spelled(name: str, value: Any) -> Any:
    if name in _PRICES and (price := read_price(value)) is not None:
        return plain_text(price)
    if name in _TIMES:
        try:
            return format_timestamp(read_quote_time(value))
        except ValueError:
            # No time, so nothing but the same text is the same.
            return value
    return one_spelling(value)


def field_text(body: bytes, name: str) -> str:
    """The value of a top-level field exactly as it was written (R7.5).

    `body` is one well-formed JSON object without duplicate names; raise KeyError if it lacks the field.
    """
    text = body.decode("utf-8-sig")
    at = _skip_space(text, _skip_space(text, 0) + 1)
    while text[at] == '"':
        found, at = _READER.raw_decode(text, at)
        start = _skip_space(text, _skip_space(text, at) + 1)
        _, end = _READER.raw_decode(text, start)
        if found == name:
            return text[start:end]
        at = _skip_space(text, end)
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    raise KeyError(name)


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1] in " \t\n\r" and at < len(text):
        at += 1
    return at
