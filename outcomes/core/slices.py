"""Slices declared beforehand: part of the signals, each judged by the same bet at a share of its error rate.

Whoever looks at twenty slices finds a winner in one of them by chance. So they are declared with the plan, and with n
of them each has to be n times as sure: together they err no more often than the verdict alone (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

# What is known of a signal when it arrives; nothing that an engine or an operator does afterwards.
SLICE_FIELDS = ("symbol", "timeframe", "direction", "strategy", "source")
MOST_SLICES = 20
MAX_SLICE = 300


@dataclass(frozen=True, slots=True)
class Slice:
    """The signals whose field has exactly this value."""

    field: str
    value: str

    @classmethod
    def of(cls, text: str) -> Self:
        """From its text, like `symbol=SPY`; raises ValueError with what is wrong."""
        field, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value or field not in SLICE_FIELDS:
            raise ValueError(f"{text[:80]!r} is not field=value, with a field of {', '.join(SLICE_FIELDS)}.")
        return cls(field, value)

    def __str__(self) -> str:
        return f"{self.field}={self.value}"

    def takes(self, signal: Any) -> bool:
        """Whether the signal is one of the slice."""
        return bool(getattr(signal, self.field) == self.value)


def read_slices(given: str | Iterable[str]) -> tuple[str, ...]:
    """Slices as text, each once and in their order; given as a list, or one a line. Raises ValueError."""
    texts = given.splitlines() if isinstance(given, str) else [str(text) for text in given]
    found = [str(Slice.of(text)) for text in texts if text.strip()]
    if len(found) > MOST_SLICES:
        raise ValueError(f"At most {MOST_SLICES}.")
    if any(len(text) > MAX_SLICE for text in found):
        raise ValueError(f"At most {MAX_SLICE} characters each.")
    if len(set(found)) < len(found):
        raise ValueError("Each once.")
    return tuple(found)
