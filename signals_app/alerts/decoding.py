"""Strict decoding of an alert body, before any framework parser sees it (R8.1), and keeping its secrets out of sight.

Secrets stay out of everything that is hashed, stored, logged or shown. The masked body, decoded again, yields the same
payload without secrets as the body that was received, so that a stored delivery can be replayed.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise
from typing import Any, NoReturn

from kernel.errors import DomainError
from signals_app.alerts.refusals import shown_text

# Real alerts have 3 to 8 KB and a few levels; Python 3.11's parser gives up at about a thousand.
MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 32

_JSON_WHITE_SPACE = " \t\r\n"
_BYTE_ORDER_MARK = "\ufeff"


def decode_alert(body: bytes, *, max_bytes: int = MAX_BODY_BYTES, exact: bool = False) -> dict[str, Any]:
    """The JSON object in the body; raise DomainError saying what is wrong with it (R8.1).

    Nothing is repaired: two repairs of one text can disagree on the direction. `exact` reads numbers with a fraction or
    an exponent as Decimal, as they are written, instead of float; what is refused is the same.
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
        raise DomainError("empty_body", "The body is empty; it must be a JSON object.")
    try:
        payload = (_EXACT if exact else _DECODER).decode(text)
    except json.JSONDecodeError as error:
        if "\x00" in text:
            raise DomainError("invalid_character", "The body contains U+0000; remove it.") from error
        # No excerpt of the text: it could contain the secret.
        raise DomainError(
            "invalid_json",
            f"The body is not JSON: {error.msg.removesuffix(' at')} at line {error.lineno} column {error.colno}. "
            "Check commas and quotes; in an alert, quote every placeholder.",
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
    # Python reads neither U+0000 nor half a surrogate pair from UTF-8 unless they are written so.
    check_text = _check_text if "\\u" in text else _trust_text
    for name, value in payload.items():
        check_text(name, name)
        _check_value(value, name, 1, check_text)
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


def _float(text: str) -> float:
    """The number as a double; not a number where only the nearest double is 0, such as 1e-400."""
    number = float(text)
    return math.nan if number == 0 and text.lower().partition("e")[0].strip("-0.") else number


def _exact(text: str) -> Decimal | float:
    """The number as it is written; what no double holds stays the float that is refused, and so does 0e(10^20)."""
    number = _float(text)
    try:
        return Decimal(text) if math.isfinite(number) else number
    except InvalidOperation:
        return math.nan


# By default the last of two equal keys wins without a word, and NaN is read, which jsonb then refuses.
_DECODER, _EXACT = (
    json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=read)
    for read in (_float, _exact)
)


def _check_value(value: Any, field: str, depth: int, check_text: Callable[[str, str], None]) -> None:
    """Refuse what could not be stored or hashed; `field` is the top-level field that the error is about."""
    kind = type(value)
    if kind is str:
        check_text(value, field)
    elif kind is float:
        # 1e400 is read as infinity, which jsonb refuses, 1e-400 as no number.
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
                check_text(inner, field)
            _check_value(value[inner] if kind is dict else inner, field, depth + 1, check_text)


def _trust_text(_text: str, _field: str) -> None:
    """Instead of `_check_text`, where the body cannot hold what that looks for."""


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


# A name, split at case changes and punctuation, is that of a secret when one of its words is.
_SECRET_WORDS = frozenset(
    {
        "secret", "password", "passphrase", "passwd", "pwd", "pin", "token", "apikey", "authorization", "credential",
        "credentials", "secrets", "passwords", "signature", "license", "licence",
    }
)  # fmt: skip
# Beside one of these, `key` is one, too; words in a row without a border between them are found by _GLUED.
_KEY_OWNERS = frozenset({"api", "access", "private", "client", "auth", "license", "licence"})
_GLUED = re.compile(
    r"(?:api|access|private|client|auth|user|my|webhook|bot|broker|account|refresh|bearer|secret)+"
    r"(?:secret|passphrase|password|passwd|pwd|pin|token|key|signature)"
)
# Coins, candles and models have tokens and pins as well.
NO_SECRETS = frozenset(
    {
        "tokensymbol", "tokenname", "tokenaddress", "tokenid", "tokenpair", "tokenin", "tokenout", "tokencount",
        "basetoken", "quotetoken", "pinbar", "pinbars", "pinbarsignal", "bullishpinbar", "bearishpinbar",
        "licenseplate",
    }
)  # fmt: skip
# Holds the secret in some layouts and data in others: a secret only where it carries the expected one.
MAYBE_SECRET_FIELD = "key"  # noqa: S105 - the name of a field
MASK = "***"
# A shorter secret cannot be told from ordinary data, so its copies elsewhere are left alone.
MIN_COPY_CHARACTERS = 8

_REMEMBERED_CHARACTERS = 40
_NAME_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Most alerts hold no secret and are let pass by one look for these; with \u a name can be spelt in escapes.
_HINTS = (
    b"secret", b"pass", b"pwd", b"pin", b"token", b"key", b"authorization", b"credential", b"signature", b"licen",
    b"\\u",
)  # fmt: skip
# Possessive, so that a string without an end is given up at once instead of being tried at every length.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]+')
_QUOTE = r"\\*[\"']|&quot;|&#34;|[“”]"
_LOOSE_FIELD = re.compile(
    r"(?:secret|token|key|pass[ _-]?phrase|pass[ _-]?word|passwd|pwd|(?<![A-Za-z])pin|(?-i:Pin)"
    r"|authorization|credentials?|signature|licen[sc]e(?:[ _-]?id)?)"
    # The scheme before the credential is part of the value.
    rf"(?:{_QUOTE})?\s*[:=]\s*(?P<quote>{_QUOTE})?(?:(?:bearer|basic)\s+)?",
    re.IGNORECASE,
)
_LOOSE_END = re.compile(r"[\s,;&|)}\]]")


def split_secrets(
    payload: Mapping[str, Any], is_secret: Callable[[str], bool] | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The payload without its secret members at any depth, and the secrets these presented.

    ``is_secret`` tells whether a text is the body secret the source expects; with it, a member called
    ``key`` that carries this secret goes, too. Copies of a presented secret in what remains are
    masked. A secret that is not text (a number, say) is removed and presents nothing.
    """
    hidden: list[Any] = []
    rest: dict[str, Any] = _without_secrets(payload, is_secret, hidden)
    copies = _longest_first([text for value in hidden for text in _texts(value)])
    presented = tuple(value for value in hidden if isinstance(value, str) and value)
    return (_mask_copies(rest, copies) if copies else rest), presented


def _without_secrets(value: Any, is_secret: Callable[[str], bool] | None, hidden: list[Any]) -> Any:
    """The value without the secret members at any depth, which are added to `hidden`."""
    if isinstance(value, list):
        return [_without_secrets(item, is_secret, hidden) if type(item) in (dict, list) else item for item in value]
    rest: dict[str, Any] = {}
    for name, inner in value.items():
        if is_secret_name(name) or (
            # A masked one was a secret when it was received.
            is_secret is not None
            and name.lower() == MAYBE_SECRET_FIELD
            and isinstance(inner, str)
            and (inner == MASK or is_secret(inner))
        ):
            hidden.append(inner)
        else:
            rest[name] = _without_secrets(inner, is_secret, hidden) if type(inner) in (dict, list) else inner
    return rest


def is_secret_name(name: str) -> bool:
    """Whether a member of this name holds a secret, at whatever depth."""
    # The same few names come with every alert; long ones come from nobody who means well.
    return _remembered(name) if len(name) <= _REMEMBERED_CHARACTERS else _is_secret_name(name)


def _is_secret_name(name: str) -> bool:
    words = [word.lower() for word in _NAME_WORDS.findall(name)]
    if "".join(words) in NO_SECRETS:
        return False
    if not _SECRET_WORDS.isdisjoint(words):
        return True
    if not _KEY_OWNERS.isdisjoint(words) and "key" in words:
        return True
    return any(_GLUED.fullmatch(word) for word in words)


_remembered = lru_cache(maxsize=1024)(_is_secret_name)


def mask_body(body: bytes, presented: Collection[str] = ()) -> bytes:
    """The received bytes with every secret value replaced by ``***``.

    ``presented`` are the secrets that split_secrets found. A body that is no JSON object is masked
    by what looks like a secret field, rather too much than too little.
    """
    if not presented and not any(map(body.lower().__contains__, _HINTS)) and b"\x00" not in body:
        return body
    if b"\x00" in body:
        # UTF-16 or worse: nothing in there can be found reliably.
        return MASK.encode()
    try:
        text = body.decode()
    except UnicodeDecodeError:
        # One byte a character, so that all other bytes stay as they are.
        return _mask_loosely(body.decode("latin-1"), presented).encode("latin-1")
    # Valid JSON is masked token by token; a secret may contain what looks like the end of its field.
    try:
        is_object = isinstance(json.loads(text.removeprefix(_BYTE_ORDER_MARK)), dict)
    except (ValueError, RecursionError):
        is_object = False
    return (_mask_fields if is_object else _mask_loosely)(text, presented).encode()


def _longest_first(secrets: Collection[str]) -> list[str]:
    # Of two secrets one of which contains the other, the shorter would leave the rest of the longer readable.
    return sorted((secret for secret in set(secrets) if len(secret) >= MIN_COPY_CHARACTERS), key=len, reverse=True)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, field in value.items():
            yield name
            yield from _texts(field)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _mask_copies(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        return _mask_text(value, secrets)
    if isinstance(value, dict):
        return {_mask_text(name, secrets): _mask_copies(field, secrets) for name, field in value.items()}
    if isinstance(value, list):
        return [_mask_copies(item, secrets) for item in value]
    return value


def _mask_text(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _mask_fields(text: str, presented: Collection[str]) -> str:
    """Mask the values of the secret members and all copies of them in valid JSON."""
    tokens = list(_TOKEN.finditer(text))
    hidden = _secret_values(tokens, presented)
    values = [token[0] for first, last in hidden.items() for token in tokens[first : last + 1]]
    secrets = _longest_first([*presented, *(_string(token) for token in values if token[0] == '"')])
    parts: list[str] = []
    end = 0
    position = 0
    while position < len(tokens):
        token = tokens[position]
        last = hidden.get(position, position)
        written = f'"{MASK}"' if position in hidden else token[0]
        if position not in hidden and secrets and written[0] == '"':
            masked = _mask_text(_string(written), secrets)
            # What holds no secret keeps its spelling, for the stored body is evidence.
            written = written if masked == _string(written) else json.dumps(masked)
        parts += [text[end : token.start()], written]
        end = tokens[last].end()
        position = last + 1
    return "".join(parts) + text[end:]


# By how much these tokens change the depth.
_DEPTHS = {"{": 1, "[": 1, "}": -1, "]": -1}


def _secret_values(tokens: list[re.Match[str]], presented: Collection[str]) -> dict[int, int]:
    """First and last token of each value of a secret member."""
    values: dict[int, int] = {}
    last = 0
    for position, (token, following) in enumerate(pairwise(tokens)):
        # Only a name has a colon after it, and what lies inside a secret is hidden with it.
        if position < last or following[0] != ":":
            continue
        name, first = _string(token[0]), position + 2
        value = tokens[first][0]
        carries_secret = name.lower() == MAYBE_SECRET_FIELD and value[0] == '"' and _string(value) in presented
        if is_secret_name(name) or carries_secret:
            inside = 0
            for last in range(first, len(tokens)):
                inside += _DEPTHS.get(tokens[last][0], 0)
                if inside == 0:
                    break
            values[first] = last
    return values


def _string(token: str) -> str:
    """What a string token of valid JSON says."""
    return json.loads(token) if "\\" in token else token[1:-1]


def _mask_loosely(text: str, presented: Collection[str]) -> str:
    found: list[str] = []
    parts: list[str] = []
    end = 0
    for field in _LOOSE_FIELD.finditer(text):
        if field.start() < end:
            continue  # Inside a value that is masked already.
        stop = _loose_end(text, field.end(), field["quote"])
        found.append(text[field.end() : stop])
        parts += [text[end : field.end()], MASK]
        end = stop
    return _mask_text("".join(parts) + text[end:], _longest_first([*presented, *found]))


def _loose_end(text: str, start: int, quote: str | None) -> int:
    """Where the value that starts here ends; an unterminated one ends with the body."""
    if quote is None:
        if text[start : start + 1] in {"{", "["}:
            return len(text)
        match = _LOOSE_END.search(text, start)
        return match.start() if match else len(text)
    closing = "”" if quote == "“" else quote
    stop = text.find(closing, start)
    while stop > start and quote in {'"', "'"} and text[stop - 1] == "\\":
        stop = text.find(closing, stop + 1)
    return len(text) if stop == -1 else stop
