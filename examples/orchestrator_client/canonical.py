"""The canonical form of JSON documents (RFC 8785) and its hash.

Covers everything a market context can hold. A whole number
beyond +-(2^53-1) in a received document is a double that happens to be whole, because integers of
that size travel as text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .errors import ContextHashError

MAX_SAFE_INTEGER = 2**53 - 1
# ECMAScript writes numbers from 1e-6 up to 1e21 without an exponent.
PLAIN_FROM, PLAIN_BELOW = 1e-6, 1e21


def canonical_json(value: Any) -> bytes:
    """The document in its one canonical form; raise ValueError for NaN, Infinity and lone surrogates."""
    return _render(value).encode()


def document_hash(document: Any) -> str:
    """The SHA-256 of the document's canonical form, 64 lower-case hex digits."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def verify_context_hash(assignment: Mapping[str, Any]) -> None:
    """Raise ContextHashError unless the assignment's market context has the hash it came with."""
    found = document_hash(assignment["market_context"])
    if found != assignment["context_hash"]:
        raise ContextHashError(f"The context's hash is {found}, the assignment says {assignment['context_hash']}.")


def _render(value: Any) -> str:
    if isinstance(value, dict):
        # Member names sort by UTF-16 code units, which differs from Python's order beyond the BMP.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_render(name)}:{_render(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_render(item) for item in value) + "]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else _render_float(float(value))
    if isinstance(value, float):
        return _render_float(value)
    return json.dumps(value, ensure_ascii=False)


def _render_float(number: float) -> str:
    """Write a double as ECMAScript does; both languages use the shortest digits that name it."""
    if not math.isfinite(number):
        raise ValueError(f"{number!r} has no canonical form.")
    if number == 0:
        return "0"
    if PLAIN_FROM <= abs(number) < PLAIN_BELOW:
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    mantissa, _, exponent = f"{Decimal(repr(number)).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"
