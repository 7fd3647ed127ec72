"""Strict decoding of an alert body, before any framework parser sees it (R8.1), and of what it is wrapped in."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

from kernel.errors import DomainError
from signals_app.alerts.fields import Field, compact, conflict, shown_text
from signals_app.alerts.vocabulary import (
    DIRECTION_ALIASES,
    ENVELOPES,
    POSITION_ALIASES,
    SYMBOL_ALIASES,
    TIMEFRAME_ALIASES,
    Weight,
)

# Real alerts have 3 to 8 KB and a few levels; Python 3.11's parser gives up at about a thousand.
MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 32

_JSON_WHITE_SPACE = " \t\r\n"
_BYTE_ORDER_MARK = "\ufeff"


def decode_alert(body: bytes, *, max_bytes: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """The JSON object in the body; raise DomainError saying what is wrong with it (R8.1).

    Nothing is repaired: two repairs of one text can disagree on the direction.
    """
    refuse_size(len(body), max_bytes)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        detail = f"The body is not UTF-8 (byte {error.start}); send it as UTF-8."
        raise DomainError("invalid_encoding", detail) from error
    # Given bytes, json.loads would guess UTF-16 and read what the masking of secrets cannot.
    if "\x00" in text[:2]:
        raise DomainError("invalid_encoding", "The body looks like UTF-16; send it as UTF-8.")
    text = text.removeprefix(_BYTE_ORDER_MARK).strip(_JSON_WHITE_SPACE)
    if not text:
        raise DomainError("empty_body", "The alert has no message; its body must be a JSON object.")
    try:
        payload = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if "\x00" in text:
            raise DomainError("invalid_character", "The body contains U+0000; remove it.") from error
        # No excerpt of the text: it could contain the secret.
        raise DomainError(
            "invalid_json",
            f"The body is not JSON: {error.msg} at line {error.lineno} column {error.colno}. "
            "Quote every placeholder, and check commas and quotes.",
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        # Python refuses to read an integer of more than 4,300 digits.
        raise _number_out_of_range("") from error
    if not isinstance(payload, dict):
        kinds = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
        kind = kinds.get(type(payload), "a number")
        raise DomainError("not_an_object", f"The body is {kind}; it must be a JSON object.")
    for name, value in payload.items():
        _check_text(name, name)
        _check_value(value, name, depth=1)
    return payload


def refuse_size(size: int, max_bytes: int = MAX_BODY_BYTES) -> None:
    """Raise DomainError when a body of this many bytes is larger than allowed."""
    if size > max_bytes:
        raise DomainError("too_large", f"The body is {size} bytes; the limit is {max_bytes}.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        name = shown_text(next(name for name, count in counts.items() if count > 1))
        raise DomainError("duplicate_key", f"The field {name} occurs twice in one object; send it once.", f"/{name}")
    return fields


def _refuse_constant(word: str) -> NoReturn:
    raise DomainError(
        "invalid_json", f"The body contains the bare word {word}, which is not JSON; quote it or leave it out."
    )


# By default the last of two equal keys wins without a word, and NaN is read, which jsonb then refuses.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _check_value(value: Any, field: str, depth: int) -> None:
    """Refuse what could not be stored or hashed; `field` is the top-level field that the error is about."""
    kind = type(value)
    if kind is str:
        _check_text(value, field)
    elif kind is float:
        # 1e400 is read as infinity, which jsonb refuses.
        if not math.isfinite(value):
            raise _number_out_of_range(field)
    elif kind is int:
        try:
            float(value)
        except OverflowError as error:
            raise _number_out_of_range(field) from error
    elif kind is dict or kind is list:
        if depth >= MAX_DEPTH:
            raise _too_deep(field)
        for inner in value:
            if kind is dict:
                _check_text(inner, field)
            _check_value(value[inner] if kind is dict else inner, field, depth + 1)


def _check_text(text: str, field: str) -> None:
    if "\x00" in text:
        where = shown_text(field)
        raise DomainError("invalid_character", f"The field {where} contains U+0000; remove it.", f"/{where}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            where = shown_text(field)
            detail = f"The field {where} contains half a surrogate pair; send the whole character."
            raise DomainError("invalid_character", detail, f"/{where}") from error


def _too_deep(field: str = "") -> DomainError:
    pointer = f"/{shown_text(field)}" if field else ""
    return DomainError("too_deep", f"The body is nested more than {MAX_DEPTH} levels deep; flatten it.", pointer)


def _number_out_of_range(field: str) -> DomainError:
    where = f"The field {shown_text(field)}" if field else "The body"
    pointer = f"/{shown_text(field)}" if field else ""
    return DomainError(
        "number_out_of_range", f"{where} contains a number outside the range of a double; send it as text.", pointer
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
