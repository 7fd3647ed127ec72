"""Ids and whole numbers from text that anybody may have written: a URL, a form, a command, a setting."""

from __future__ import annotations

from uuid import UUID

# Row ids are 32-bit integers; more digits would overflow the column.
_MAX_DIGITS = 9


def whole_number(text: str) -> int | None:
    """The number that up to nine ASCII digits write; None for a sign, a space, "1_0", "²" and all else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def row_id(text: str) -> int:
    """The id of a row, or the number of a version, that the text writes; 0, which no row has, for anything else."""
    return whole_number(text) or 0


def uuid_from(text: str) -> UUID | None:
    """The UUID, with or without hyphens; None for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None
