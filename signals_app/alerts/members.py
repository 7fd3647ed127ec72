"""Finding members of a payload by any of their names, and naming them in errors.

Pure: no I/O, no clock, no randomness. Nothing here depends on the order of members, because jsonb
does not keep it and a replay reads payloads back from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, TypeVar

from signals_app.alerts.errors import AlertError
from signals_app.alerts.vocabulary import CONTAINERS

Path = tuple[str, ...]
T = TypeVar("T")

_SHOWN_CHARACTERS = 60
_REMEMBERED_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Member:
    """One member as it was spelled, with the compact name it was found by."""

    alias: str
    path: Path
    value: Any

    @property
    def name(self) -> str:
        """Return the spelling of the sender, with a dot for each level."""
        return shown_text(".".join(self.path))


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value and the members that gave it."""

    value: T
    members: tuple[Member, ...]


class Members:
    """The members of one payload, found by compact name whatever their spelling."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        # Plain tuples: most members are data for the engines and never asked for.
        self._by_alias: dict[str, list[tuple[Path, Any]]] = {}
        for name, value in payload.items():
            alias = compact(name)
            if _says_something(value):
                self._by_alias.setdefault(alias, []).append(((name,), value))
            if alias in CONTAINERS and isinstance(value, dict):
                for inner_name, inner in value.items():
                    if _says_something(inner):
                        path = (name, inner_name)
                        self._by_alias.setdefault(f"{alias}.{compact(inner_name)}", []).append((path, inner))

    def find(self, aliases: Iterable[str]) -> list[Member]:
        """Return the members with one of these names that hold a value, in the order of the names."""
        by_alias = self._by_alias
        named = [alias for alias in aliases if alias in by_alias]
        return [Member(alias, *entry) for alias in named for entry in sorted(by_alias[alias], key=itemgetter(0))]


def _says_something(value: object) -> bool:
    """Tell an empty value, and the null that stands for Pine's na, from all others."""
    return value.strip() != "" if isinstance(value, str) else value is not None


def compact(text: str) -> str:
    """Return the text in lower case without ``_``, ``-`` and spaces; other alphabets stay as they are."""
    # The same few names come with every alert; long ones come from nobody who means well.
    return _remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else _compact(text)


def _compact(text: str) -> str:
    if not text.isascii():
        return text
    return text.lower().replace("_", "").replace("-", "").replace(" ", "")


_remembered = lru_cache(maxsize=1024)(_compact)


def read_agreeing(members: list[Member], read: Callable[[Member], T]) -> Reading[T] | None:
    """Return what all these members say, None when there are none; raise when two disagree."""
    if not members:
        return None
    first = members[0]
    value = read(first)
    for member in members[1:]:
        if read(member) != value:
            raise conflict("conflicting_alias", first, member)
    return Reading(value, tuple(members))


def conflict(code: str, first: Member, second: Member) -> AlertError:
    """Return the error that names two members which contradict each other."""
    return AlertError(
        code,
        f"{first.name} says {shown(first.value)} but {second.name} says {shown(second.value)}; "
        "send one of them, or make them agree.",
        second.name,
    )


def refuse_placeholder(member: Member) -> None:
    """Raise when the value still holds a TradingView placeholder such as ``{{ticker}}``."""
    value = member.value
    if isinstance(value, str) and "}}" in value.partition("{{")[2]:
        raise AlertError(
            "unexpanded_placeholder",
            f"{member.name} is {shown(value)}: TradingView did not fill the placeholder in, because it does "
            "not exist for this kind of alert or the message was sent by hand; send a value.",
            member.name,
        )


def shown(value: object) -> str:
    """Return a value fit for a sentence: quoted, printable, at most about 60 characters."""
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
    """Return text with unprintable characters escaped, cut to about 60 characters."""
    if not text.isprintable():
        text = text[: _SHOWN_CHARACTERS + 1].encode("unicode_escape").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
