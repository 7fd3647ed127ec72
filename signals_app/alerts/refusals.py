"""A field of an alert, and how it is refused: in sentences that show what it holds and say what to send instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernel.errors import DomainError
from kernel.values import FIRST_YEAR, LAST_YEAR

Path = tuple[str, ...]

ALLOWED = 'send "long" or "short", or "buy" or "sell"'
MAX_SYMBOL_CHARACTERS = 64
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the payload, with the compact name it was found by."""

    alias: str
    path: Path
    value: Any

    @property
    def name(self) -> str:
        """The sender's spelling, fit for a sentence, with a dot for each level."""
        return shown_text(".".join(self.path))

    @property
    def pointer(self) -> str:
        """The JSON pointer of an error about it."""
        return f"/{self.name.replace('.', '/')}"


def shown(value: object) -> str:
    """The value fit for a sentence: quoted, printable, at most about 60 characters."""
    if isinstance(value, str):
        return f'"{shown_text(value)}"'
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown_text(str(value))


def shown_text(text: str) -> str:
    """The text with unprintable characters escaped, cut to about 60 characters."""
    if not text.isprintable():
        text = text[: _SHOWN_CHARACTERS + 1].encode("unicode_escape").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def conflict(code: str, first: Field, second: Field) -> DomainError:
    """The error that names two fields which contradict each other."""
    return DomainError(
        code,
        f"{first.name} is {shown(first.value)} but {second.name} is {shown(second.value)}; "
        "send only one of them, or make them agree.",
        second.pointer,
    )


def invalid_direction(field: Field) -> DomainError:
    """The error about a field that should hold a direction."""
    return DomainError(
        "direction_invalid",
        f"{field.name} is {shown(field.value)}, which is not a direction; {ALLOWED}.",
        field.pointer,
    )


def invalid_symbol(field: Field) -> DomainError:
    """The error about a field that should hold a symbol."""
    return DomainError(
        "symbol_invalid",
        f"{field.name} is {shown(field.value)}, which is not a symbol; send up to {MAX_SYMBOL_CHARACTERS} "
        'letters, digits and . ! / - _ &, optionally with an exchange prefix, such as "NASDAQ:AAPL".',
        field.pointer,
    )


def unparseable_time(field: Field) -> DomainError:
    """The error about a field that should hold a timestamp."""
    return DomainError(
        "timestamp_unparseable",
        f"{field.name} is {shown(field.value)}; send an ISO 8601 time with a time zone, such as "
        '"2026-03-16T14:30:00Z", or epoch seconds or milliseconds.',
        field.pointer,
    )


def time_out_of_range(field: Field) -> DomainError:
    """The error about a timestamp that no alert can have."""
    return DomainError(
        "timestamp_out_of_range",
        f"{field.name} is {shown(field.value)}; it must be within the years {FIRST_YEAR} to {LAST_YEAR}, with an "
        "offset of at most 14 hours. Epoch values have at least 10 digits for seconds, 13 for milliseconds.",
        field.pointer,
    )
