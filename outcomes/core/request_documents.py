"""What an engine sent: the exact text of a member, and one hash for all spellings of one document.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from kernel.hashing import document_hash

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
_WHITE_SPACE = " \t\n\r"


def exact_document(value: Any) -> Any:
    """Return a parsed body without Decimals, so that it has a canonical form and loses no digit.

    A Decimal becomes a float when the float's shortest digits name the very same number (1.50 and
    1.5 are one), else its text, as big integers do.
    """
    if isinstance(value, dict):
        return {name: exact_document(member) for name, member in value.items()}
    if isinstance(value, list):
        return [exact_document(item) for item in value]
    if isinstance(value, Decimal):
        nearest = float(value)
        return nearest if Decimal(repr(nearest)) == value else str(value)
    return value


def request_hash(body: Any) -> str:
    """Return the SHA-256 by which a repeated request is recognised."""
    return document_hash(exact_document(body))


def member_text(body: bytes, name: str) -> str:
    """Return the value of a top-level member exactly as it was written (R7.5).

    `body` is one well-formed JSON object without duplicate keys; raise KeyError when it has no such
    member.
    """
    text = body.decode("utf-8-sig")
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] == '"':
        found, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        if found == name:
            return text[start:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    raise KeyError(name)


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _WHITE_SPACE and at < len(text):
        at += 1
    return at
