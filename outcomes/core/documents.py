"""Request bodies as documents: their exact text, and a hash of what they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from kernel.canonical import document_hash
from kernel.values import format_timestamp, plain_text

_READER = json.JSONDecoder(parse_float=str, parse_int=str)


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


def exact_document(value: Any) -> Any:
    """A parsed body without Decimals, so that it has a canonical form and loses no digit.

    A Decimal becomes a float if the float's shortest digits name the very same number (1.50 and 1.5 are
    one), else its text, as big integers do.
    """
    if isinstance(value, dict):
        return {name: exact_document(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact_document(item) for item in value]
    if isinstance(value, Decimal):
        nearest = float(value)
        return nearest if Decimal(repr(nearest)) == value else str(value)
    return value


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
