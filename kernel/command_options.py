"""Options of commands that are ids, times or amounts, with an error that says what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.core.management.base import CommandError

T = TypeVar("T")
# Exit code for options that cannot be used, as argparse has it; 1 means that a difference was found.
UNUSABLE = 2


def parsed(name: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    """The option's value, None when it is absent; raise CommandError when it cannot be read."""
    if text is None:
        return None
    try:
        return parse(text)
    except (ValueError, ArithmeticError):
        kinds: dict[object, str] = {UUID: "a UUID", Decimal: "an amount like 500"}
        wanted = kinds.get(parse, "a time like 2026-03-16T14:30:00Z")
        raise CommandError(f"{name} is {text!r}; it must be {wanted}.", returncode=UNUSABLE) from None
