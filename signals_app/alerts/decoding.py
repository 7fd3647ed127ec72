"""Strict decoding of an alert body, before any framework parser sees it (R8.1).

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, NoReturn

from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import shown_text

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 32

_JSON_WHITE_SPACE = " \t\r\n"
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body that is one well-formed JSON object; what its members mean is not yet judged."""

    payload: dict[str, Any]


def decode_alert(body: bytes, *, max_bytes: int = MAX_BODY_BYTES) -> Decoded:
    """Return the JSON object in the body, or raise AlertError saying what is wrong with it (R8.1).

    Nothing is repaired: two repairs of one text can disagree on the direction.
    """
    text = _text(body, max_bytes)
    if not text:
        raise AlertError("empty_body", "The alert has no message; its body must be one JSON object.")
    payload = _parse(text)
    if not isinstance(payload, dict):
        raise AlertError("not_an_object", f"The body is JSON but {_kind(payload)}; it must be one object in braces.")
    for name, value in payload.items():
        _check_text(name, name)
        _check_value(value, name, depth=1)
    return Decoded(payload)


def _text(body: bytes, max_bytes: int) -> str:
    if len(body) > max_bytes:
        raise AlertError("too_large", f"The body has {len(body)} bytes; at most {max_bytes} are allowed.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise AlertError(
            "invalid_encoding", f"The body is not UTF-8 (byte {error.start}); send it as UTF-8."
        ) from error
    if "\x00" in text[:2]:
        raise AlertError("invalid_encoding", "The body looks like UTF-16; send it as UTF-8.")
    return text.removeprefix(_BYTE_ORDER_MARK).strip(_JSON_WHITE_SPACE)


def _parse(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if "\x00" in text:
            raise AlertError("invalid_character", "The body holds the character U+0000; remove it.") from error
        # No excerpt of the text: it could hold the secret.
        raise AlertError(
            "invalid_json",
            f"The body is not JSON: {error.msg} at line {error.lineno} column {error.colno}. "
            "Quote every placeholder and check commas and quotes.",
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        # Python refuses to read an integer of more than 4,300 digits.
        raise _number_out_of_range("") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse_duplicate([name for name, _ in pairs])
    return members


def _refuse_duplicate(names: list[str]) -> NoReturn:
    shown = shown_text(next(name for name, count in Counter(names).items() if count > 1))
    raise AlertError("duplicate_key", f"The member {shown} occurs twice in one object; send it once.", shown)


def _refuse_constant(word: str) -> NoReturn:
    raise AlertError(
        "invalid_json", f"The body holds the bare word {word}, which is not JSON; quote it or leave it out."
    )


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _check_value(value: Any, member: str, depth: int) -> None:
    kind = type(value)
    if kind is str:
        _check_text(value, member)
    elif kind is float:
        if not math.isfinite(value):
            raise _number_out_of_range(member)
    elif kind is int:
        _check_integer(value, member)
    elif kind is dict:
        _check_depth(depth + 1, member)
        for name, inner in value.items():
            _check_text(name, member)
            _check_value(inner, member, depth + 1)
    elif kind is list:
        _check_depth(depth + 1, member)
        for inner in value:
            _check_value(inner, member, depth + 1)


def _check_text(text: str, member: str) -> None:
    if "\x00" in text:
        raise AlertError(
            "invalid_character", f"The member {shown_text(member)} holds U+0000; remove it.", shown_text(member)
        )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise AlertError(
                "invalid_character",
                f"The member {shown_text(member)} holds half a surrogate pair; send the whole character.",
                shown_text(member),
            ) from error


def _check_integer(number: int, member: str) -> None:
    try:
        float(number)
    except OverflowError as error:
        raise _number_out_of_range(member) from error


def _check_depth(depth: int, member: str) -> None:
    if depth > MAX_DEPTH:
        raise _too_deep(member)


def _too_deep(member: str = "") -> AlertError:
    return AlertError(
        "too_deep", f"The body is nested more than {MAX_DEPTH} levels deep; flatten it.", shown_text(member)
    )


def _number_out_of_range(member: str) -> AlertError:
    where = f"The member {shown_text(member)}" if member else "The body"
    return AlertError(
        "number_out_of_range",
        f"{where} holds a number beyond the range of a double; send it as text.",
        shown_text(member),
    )


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {list: "an array", str: "a string", bool: "true or false"}
    return names.get(type(value), "a number")
