"""Blocks in a file, so that anybody can check a verdict: how they are read, and how a judgement is written.

A document is {worst_block, margin, horizon_blocks, alpha, blocks}, each block {x, m} or {x_low, x_high, m}. What an
evaluation shows beside these in a block (dates, evidence) may stay. A member of the document itself that is not known
is refused: a misspelt `margin` would otherwise change what is asked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from kernel.errors import DomainError
from outcomes.core.evidence import Block, Judgement, Wager, judge

_TERMS = ("worst_block", "margin", "horizon_blocks", "alpha", "blocks")
# Said about a document by whoever wrote it; `expect` is what known answers bring along.
_REMARKS = ("name", "note", "about", "expect")
# Far beyond any amount, and far from where quotients leave a double's reach.
_LARGEST, _LEAST = 1e100, 1e-100


def judge_file(text: str) -> dict[str, Any] | list[dict[str, Any]]:
    """Judge one document, or each of a list; the answer has the form of the question.

    Raises DomainError `invalid_blocks`, with a pointer to what cannot be used.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise DomainError("invalid_blocks", f"Not JSON: {error}.") from None
    except (RecursionError, ValueError):
        raise DomainError(
            "invalid_blocks", "The JSON cannot be read: it is nested too deeply, or a number is too long."
        ) from None
    if isinstance(found, list):
        return [_judged(document, f"/{position}") for position, document in enumerate(found)]
    return _judged(found, "")


def judgement_document(found: Judgement) -> dict[str, Any]:
    """The judgement as JSON, with every double to its last digit as text."""
    since = found.since
    return {
        "e_a": _text(found.e_a),
        "e_b": _text(found.e_b),
        "interval": [_text(found.interval.lower), _text(found.interval.upper)],
        "drift": found.interval.has_drifted,
        "verdict": found.verdict,
        "at_block": found.at_block,
        "since": {"e_a": _text(since[0]), "e_b": _text(since[1])} if since else None,
        "reversed": found.is_reversed,
        "beyond_l": list(found.beyond_l),
        "retired": {"a": found.retired_a, "b": found.retired_b},
    }


def _judged(document: Any, pointer: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        _refuse("Expected an object with worst_block and blocks, or a list of them.", pointer)
    unknown = sorted(set(document) - {*_TERMS, *_REMARKS})
    if unknown:
        _refuse(f"Unknown field; the fields are {', '.join(_TERMS)}.", f"{pointer}/{unknown[0]}")
    worst = _number(document, "worst_block", pointer)
    if worst < _LEAST:
        _refuse("Must be greater than 0.", f"{pointer}/worst_block")
    margin = _number(document, "margin", pointer, default=0.0)
    if margin < 0:
        _refuse("Must not be negative; 0 means that nobody asks for equivalence.", f"{pointer}/margin")
    alpha = _number(document, "alpha", pointer, default=0.05)
    if not _LEAST <= alpha < 1:
        _refuse("Must be greater than 0 and less than 1.", f"{pointer}/alpha")
    blocks = document.get("blocks")
    if not isinstance(blocks, list):
        _refuse("Expected a list of blocks.", f"{pointer}/blocks")
    return judgement_document(
        judge(
            [_block(block, f"{pointer}/blocks/{position}") for position, block in enumerate(blocks)],
            Wager(worst, margin, alpha, _horizon(document, pointer)),
        )
    )


def _horizon(document: Mapping[str, Any], pointer: str) -> int | None:
    if document.get("horizon_blocks") is None:
        return None
    horizon = _number(document, "horizon_blocks", pointer)
    if horizon < 1 or not horizon.is_integer():
        _refuse("Must be a whole number of at least 1, or null for no horizon.", f"{pointer}/horizon_blocks")
    return int(horizon)


def _block(block: Any, pointer: str) -> Block:
    if not isinstance(block, dict):
        _refuse("Expected {x, m} or {x_low, x_high, m}.", pointer)
    ends = ("x_low", "x_high")
    if "x" in block:
        if any(end in block for end in ends):
            _refuse("Has both x and x_low or x_high; send one form.", pointer)
        ends = ("x", "x")
    low, high = (_number(block, end, pointer) for end in ends)
    if low > high:
        _refuse("Must not be greater than x_high.", f"{pointer}/x_low")
    m = _number(block, "m", pointer)
    if m < _LEAST:
        _refuse("Must be greater than 0.", f"{pointer}/m")
    return Block(low, high, m)


def _number(document: Mapping[str, Any], name: str, pointer: str, *, default: float | None = None) -> float:
    """A finite number, written as a number or as text."""
    where = f"{pointer}/{name}"
    if name not in document:
        if default is None:
            _refuse("Is missing.", where)
        return default
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        _refuse("Must be a number.", where)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        _refuse("Must be a number.", where)
    if not math.isfinite(number) or abs(number) > _LARGEST:
        _refuse(f"Must be a number of at most {_LARGEST:g}.", where)
    return number


def _refuse(reason: str, pointer: str) -> NoReturn:
    raise DomainError("invalid_blocks", reason, pointer)


def _text(value: float | None) -> str | None:
    return None if value is None else format(value, ".17g")
