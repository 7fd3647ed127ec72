"""JSON as text and what is hashed of it: the canonical form (RFC 8785), the form jsonb keeps, ids and hashes."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Callable, Collection, Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from kernel.errors import CanonicalFormError

# RFC 8785 knows numbers as doubles only, which hold every integer up to here and not beyond.
MAX_SAFE_INTEGER = 2**53 - 1
_EXACTLY = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

IntegerText = Callable[[int], str]
FloatText = Callable[[float], str]


def canonical_json(document: object) -> bytes:
    """The document in its one canonical form (RFC 8785, UTF-8).

    An integer beyond +-(2^53-1) becomes its decimal text in a string, at any depth. Raises
    CanonicalFormError for NaN, Infinity, lone surrogates, keys that are not text and types that
    JSON does not have.
    """
    try:
        return canonical_text(document).encode()
    except UnicodeEncodeError as error:
        raise CanonicalFormError("A string with a lone surrogate has no canonical form.") from error
    except RecursionError as error:
        raise CanonicalFormError("The document is nested too deeply for a canonical form.") from error


def canonical_text(document: object) -> str:
    """The canonical form as text; lone surrogates are found where it is encoded (`kernel.canonical.text_hash`)."""
    return _render(document, _canonical_integer, _canonical_float)


@lru_cache(maxsize=10_000)
def _canonical_prefixes(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, f"{encode_basestring(name)}:") for name in in_canonical_order(names)]


def canonical_members(document: Mapping[str, Any]) -> dict[str, str]:
    """The members of an object by name, each as it stands in the canonical form (`"name":value`), in canonical order.

    Joined by commas they are the object. For documents whose members go to several texts: each is rendered once, and
    the order of their names is remembered, because alerts of one kind have the same.
    """
    members = {}
    for name, prefix in _canonical_prefixes(tuple(document)):
        value = document[name]
        kind = type(value)
        if kind is str:
            members[name] = prefix + encode_basestring(value)
        elif kind is float:
            members[name] = prefix + _canonical_float(value)
        else:
            members[name] = prefix + canonical_text(value)
    return members


def load_canonical(text: str | bytes) -> Any:
    """The document whose canonical form this is.

    A bare integer beyond +-(2^53-1) in canonical text was a float, because integers of that size
    are strings there; reading it as an integer would change its hash.
    """
    return _CANONICAL.decode(text if isinstance(text, str) else text.decode())


def _integer_or_float(digits: str) -> int | float:
    number = int(digits)
    return number if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER else float(digits)


# Made once: a decoder costs more than most documents.
_CANONICAL = json.JSONDecoder(parse_int=_integer_or_float)


def to_jsonb_text(payload: object) -> str:
    """JSON text that a jsonb column gives back with the same canonical form.

    jsonb prints the number 1e22 as an integer, which hashes differently from a float; a trailing
    ".0" survives, because jsonb keeps the scale of a number. Raises CanonicalFormError as
    canonical_json does.
    """
    return _render(payload, str, _jsonb_float)


def with_big_integers_as_text(value: Any) -> Any:
    """A copy in which integers beyond +-(2^53-1) are decimal text, at any depth."""
    if isinstance(value, dict):
        return {name: with_big_integers_as_text(member) for name, member in value.items()}
    if isinstance(value, list):
        return [with_big_integers_as_text(item) for item in value]
    # By exact type: True is an int as well.
    if type(value) is int and abs(value) > MAX_SAFE_INTEGER:
        return str(value)
    return value


def exact_document(value: Any) -> Any:
    """A parsed body without Decimals, so that it has a canonical form and loses no digit.

    A Decimal becomes a float if the float's shortest digits name the very same number (1.50 and 1.5 are
    one), else its text, as big integers do; one that is such an integer, with a point, becomes that integer.
    What is beyond every double stays as short as it was written.
    """
    if isinstance(value, dict):
        return {name: exact_document(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact_document(item) for item in value]
    if isinstance(value, Decimal):
        if (named := double_of(value)) is not None:
            return named
        is_whole = math.isfinite(float(value)) and value == value.to_integral_value()
        return int(value) if is_whole else str(value.normalize(_EXACTLY))
    return value


def double_of(number: int | Decimal) -> float | None:
    """The double whose shortest digits name this very number; None where there is none."""
    try:
        # Of a Decimal beyond the range of doubles this is infinity or 0, and so another number.
        nearest = float(number)
    except OverflowError:
        return None
    return nearest if Decimal(repr(nearest)) == number else None


def expand_float(number: float) -> str:
    """The shortest digits that name this finite double, without exponent or trailing ".0"."""
    text = repr(number)
    if "e" in text:
        text = format(Decimal(text), "f")
    text = text.removesuffix(".0")
    # ECMAScript, and so RFC 8785, writes both zeros alike.
    return "0" if text == "-0" else text


def _canonical_integer(number: int) -> str:
    if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return str(number)
    return f'"{number}"'


def _canonical_float(number: float) -> str:
    text = repr(number)
    # nan, inf and -inf; no other double is written with an n.
    if "n" in text:
        raise CanonicalFormError(f"The number {text} has no canonical form.")
    if "e" in text:
        # Python goes over to exponents at 1e16 and below 1e-4, ECMAScript at 1e21 and below 1e-6, without a zero.
        digits, exponent = text.split("e")
        power = int(exponent)
        return expand_float(number) if -6 <= power < 21 else f"{digits}e{power:+d}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def _jsonb_float(number: float) -> str:
    if not math.isfinite(number):
        raise CanonicalFormError(f"The number {number!r} has no canonical form.")
    return expand_float(number) + ".0" if number.is_integer() else repr(number)


def _render(value: Any, integer_text: IntegerText, float_text: FloatText) -> str:
    # Exact types first, because they are nearly everything and this runs for every alert.
    kind = type(value)
    if kind is str:
        # Escapes what RFC 8785 (3.2.2.2) escapes and leaves every other character as it is.
        return encode_basestring(value)
    if kind is dict:
        return _render_object(value, integer_text, float_text)
    if kind is int:
        return integer_text(value)
    if kind is float:
        return float_text(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is list or kind is tuple:
        return f"[{','.join([_render(item, integer_text, float_text) for item in value])}]"
    return _render(_plain(value), integer_text, float_text)


def _render_object(value: dict[str, Any], integer_text: IntegerText, float_text: FloatText) -> str:
    members = []
    for name in in_canonical_order(value):
        member = value[name]
        kind = type(member)
        # Flat members are nearly all there are: without a call of `_render` for each.
        if kind is str:
            text = encode_basestring(member)
        elif kind is float:
            text = float_text(member)
        else:
            text = _render(member, integer_text, float_text)
        members.append(f"{encode_basestring(name)}:{text}")
    return f"{{{','.join(members)}}}"


def in_canonical_order(value: Collection[str]) -> list[str]:
    """Member names in the order of RFC 8785; raises CanonicalFormError when one is not text."""
    try:
        names = sorted(value)
        if "".join(names).isascii():
            return names
    except TypeError as error:
        raise CanonicalFormError("Member names must be text.") from error
    # RFC 8785 sorts by UTF-16 code units, which differs from Python's order beyond the BMP.
    return sorted(names, key=lambda name: name.encode("utf-16-be", "surrogatepass"))


def _plain(value: object) -> object:
    """An instance of a subclass (an enum member, say) as the JSON type it derives from."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    raise CanonicalFormError(f"A {type(value).__name__} has no canonical form; convert it to text first.")


# A SHA-256 as text, for columns and fields that hold one; Python and PostgreSQL read it alike.
SHA256_HEX = r"^[0-9a-f]{64}$"
# So many of its first digits are indexed where a hash is looked for by its beginning. A million hashes share some
# fifteen a head, which PostgreSQL keeps once: a sixth of the bytes that eight digits take, and as quick.
HASH_HEAD = 4
# Every id of the product is a UUIDv5 in this namespace (contract section 2).
NAMESPACE = uuid.UUID("6f0d5f1e-3c56-5d0a-9d0e-8f3a52f0c1a7")


_VARIANT_DIGIT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def named_uuid(name: str) -> str:
    """The UUIDv5 of a name in our namespace as text (RFC 9562, 5.5); a fifth of the time that `uuid` takes for it."""
    # SHA-1 as the RFC prescribes it; what must resist forgery is hashed with SHA-256.
    digits = hashlib.sha1(NAMESPACE.bytes + name.encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT_DIGIT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def sha256_hex(data: bytes) -> str:
    """64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def text_hash(text: str) -> str:
    """SHA-256 of text in UTF-8; raise CanonicalFormError for lone surrogates."""
    try:
        return sha256_hex(text.encode())
    except UnicodeEncodeError as error:
        raise CanonicalFormError("A string with a lone surrogate has no canonical form.") from error


def document_hash(document: object) -> str:
    """SHA-256 of the document's canonical form (RFC 8785)."""
    return sha256_hex(canonical_json(document))
