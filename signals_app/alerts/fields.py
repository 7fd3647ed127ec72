"""The fields of an alert by their many names, and what the plain ones among them say: symbol, strategy, order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, TypeVar

from kernel.errors import DomainError
from signals_app.alerts.vocabulary import (
    CONTAINERS,
    EXCHANGE_ALIASES,
    NOT_A_SYMBOL,
    ORDER_ID_ALIASES,
    SEQUENCE_ALIASES,
    STRATEGY_ALIASES,
    SYMBOL_ALIASES,
    WEAK_ORDER_ID_ALIASES,
    WEAK_SYMBOL_ALIASES,
)

Path = tuple[str, ...]
T = TypeVar("T")

MAX_STRATEGY_CHARACTERS = 200
MAX_ORDER_ID_CHARACTERS = 200
_SHOWN_CHARACTERS = 60
_REMEMBERED_CHARACTERS = 40


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


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value and the fields that gave it."""

    value: T
    fields: tuple[Field, ...]


class Fields:
    """The fields of one payload, found by compact name whatever their spelling."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        # Plain tuples: most fields are data for the engines and never asked for.
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

    def find(self, aliases: Iterable[str]) -> list[Field]:
        """The fields with one of these names that have a value, in the order of the names."""
        by_alias = self._by_alias
        named = [alias for alias in aliases if alias in by_alias]
        return [Field(alias, *entry) for alias in named for entry in sorted(by_alias[alias], key=itemgetter(0))]

    def among(self, aliases: Mapping[str, int]) -> list[Field]:
        """The same for many names of which few are there, in the order of the numbers beside them."""
        there = aliases.keys() & self._by_alias.keys()
        if not there:
            return []
        return self.find(there if len(there) == 1 else sorted(there, key=aliases.__getitem__))


def in_order(aliases: Iterable[str]) -> dict[str, int]:
    """The names with their places, for `Fields.among`."""
    return {alias: place for place, alias in enumerate(aliases)}


def _says_something(value: object) -> bool:
    """False for blank text, and for the null that stands for Pine's na."""
    return value.strip() != "" if isinstance(value, str) else value is not None


def compact(text: str) -> str:
    """The text in lower case without ``_``, ``-`` and spaces; other alphabets stay as they are."""
    # The same few names come with every alert; long ones come from nobody who means well.
    return _remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else _compact(text)


def _compact(text: str) -> str:
    if not text.isascii():
        return text
    return text.lower().replace("_", "").replace("-", "").replace(" ", "")


_remembered = lru_cache(maxsize=1024)(_compact)


def read_agreeing(fields: list[Field], read: Callable[[Field], T]) -> Reading[T] | None:
    """What all these fields say, None when there are none; raise DomainError when two disagree."""
    if not fields:
        return None
    first = fields[0]
    value = read(first)
    for field in fields[1:]:
        if read(field) != value:
            raise conflict("conflicting_alias", first, field)
    return Reading(value, tuple(fields))


def conflict(code: str, first: Field, second: Field) -> DomainError:
    """The error that names two fields which contradict each other."""
    return DomainError(
        code,
        f"{first.name} is {shown(first.value)} but {second.name} is {shown(second.value)}; "
        "send only one of them, or make them agree.",
        second.pointer,
    )


def refuse_placeholder(field: Field) -> None:
    """Raise DomainError when the value still contains a TradingView placeholder such as ``{{ticker}}``."""
    value = field.value
    if isinstance(value, str) and "}}" in value.partition("{{")[2]:
        raise DomainError(
            "unexpanded_placeholder",
            f"{field.name} is {shown(value)}: TradingView did not replace the placeholder. It does not exist for "
            "this kind of alert, or the message was sent by hand; send a value.",
            field.pointer,
        )


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


def read_strategy(fields: Fields) -> Reading[str]:
    """The strategy's name, "" when absent; a name that had to be cut stays in the payload as well."""
    for field in fields.find(STRATEGY_ALIASES):
        text = ""
        if isinstance(field.value, str):
            refuse_placeholder(field)
            text = field.value.strip()
        elif isinstance(field.value, int) and not isinstance(field.value, bool) and field.alias != "strategy":
            text = str(field.value)
        if text:
            cut = text[:MAX_STRATEGY_CHARACTERS]
            return Reading(cut, (field,) if cut == text else ())
    return Reading("", ())


def read_order_id(fields: Fields) -> Reading[str]:
    """The id of the order that the alert tells of, "" when absent; raise DomainError when two differ.

    A whole number is an id as well, but not under a name that is read only as a last resort. One that had to be cut
    comes from no field, so that two alerts which differ only beyond the cut do not pass for the same.
    """

    def text_of(field: Field) -> str:
        refuse_placeholder(field)
        return str(field.value).strip()

    named = [field for field in fields.find(ORDER_ID_ALIASES) if type(field.value) in (str, int)]
    weak = [field for field in fields.find(WEAK_ORDER_ID_ALIASES) if isinstance(field.value, str)]
    reading = read_agreeing(named or weak, text_of) or Reading("", ())
    cut = reading.value[:MAX_ORDER_ID_CHARACTERS]
    return reading if cut == reading.value else Reading(cut, ())


# As TradingView writes a plotted count: 17, 17.0.
_WHOLE = re.compile(r"([0-9]{1,18})(?:\.0*)?", re.ASCII)


def read_sequence(fields: Fields) -> Reading[int] | None:
    """The number of the alert among those of its sender; None when it has none that is a whole number from 0 on.

    It is data for the engines as well, so that nothing here is an error: of several numbers the first counts.
    """
    for field in fields.find(SEQUENCE_ALIASES):
        whole = _WHOLE.fullmatch(str(field.value).strip())
        if whole is not None and not isinstance(field.value, bool):
            return Reading(int(whole[1]), (field,))
    return None


_PREFIXED = re.compile(r"([A-Z][A-Z0-9_]{0,49}):(.*)", re.DOTALL)
# Futures roots begin with a slash (/ES); brokers append + or #, or bracket their indices ([SP500]).
_SYMBOL = re.compile(r"(?=.{1,64}\Z)(?=.*[A-Z0-9])(?:[A-Z0-9.^$@#/][A-Z0-9.!/_&=\- ]*[+#]{0,2}|\[[A-Z0-9.!/_&=\- ]+\])")
# ccxt writes a swap as BASE/QUOTE:SETTLE, where the colon is no exchange prefix.
_SWAP = re.compile(r"([A-Z0-9]+)/([A-Z0-9]+):([A-Z0-9]+)((?:-[A-Z0-9]+)*)")
_EXCHANGE = re.compile(r"[A-Z0-9][A-Z0-9_.\- ]{0,49}")
# So TradingView marks an exchange whose data are delayed; it is the same exchange.
_DELAYED = re.compile(r"_DLY?$")
_MAX_SYMBOL_CHARACTERS = 64


def read_symbol(fields: Fields) -> Reading[str]:
    """The symbol in upper case without its exchange prefix, or raise DomainError."""
    found = fields.find(SYMBOL_ALIASES)
    # An object called "instrument" is looked into; as a symbol it says nothing.
    found = [field for field in found if not isinstance(field.value, dict) or field.alias in {"symbol", "ticker"}]
    if not found:
        found = [field for field in fields.find(WEAK_SYMBOL_ALIASES) if not isinstance(field.value, dict)]
    reading = read_agreeing(found, lambda field: _split(field)[1])
    if reading is None:
        raise DomainError("symbol_missing", 'The alert has no symbol; add "symbol": "{{ticker}}".', "/symbol")
    return reading


def read_exchange(fields: Fields, symbol: Reading[str]) -> Reading[str]:
    """The exchange in upper case, "" when the alert names none; raise DomainError when two differ.

    It comes from a field of its own or from the prefix of the symbol. Text that is no exchange
    name is left to the engines.
    """
    stated = []
    for field in fields.find(EXCHANGE_ALIASES):
        refuse_placeholder(field)
        text = field.value.strip() if isinstance(field.value, str) else ""
        # In upper case, letters such as the German sharp s would turn into ASCII ones.
        is_name = text.isascii() and _EXCHANGE.fullmatch(text.upper()) is not None
        stated.append((field, text.upper() if is_name else ""))
    prefixes = [(field, _split(field)[0]) for field in symbol.fields]
    readings = [(field, exchange) for field, exchange in stated + prefixes if exchange]
    if not readings:
        return Reading("", ())
    first, value = readings[0]
    for field, exchange in readings[1:]:
        if undelayed(exchange) != undelayed(value):
            raise conflict("conflicting_alias", first, field)
    return Reading(value, tuple(field for field, exchange in stated if exchange))


def undelayed(exchange: str) -> str:
    """The exchange without TradingView's mark of delayed data: NYMEX_DL is NYMEX."""
    return _DELAYED.sub("", exchange)


def _split(field: Field) -> tuple[str, str]:
    """The exchange prefix ("" without one) and the symbol."""
    refuse_placeholder(field)
    value = field.value
    if not isinstance(value, str):
        raise DomainError("symbol_type", f'{field.name} must be text such as "SPY", not {shown(value)}.', field.pointer)
    text = value.strip()
    if not text.isascii() or text in NOT_A_SYMBOL:
        raise _invalid(field)
    text = text.upper()
    if _is_swap(text):
        return "", text
    prefixed = _PREFIXED.fullmatch(text)
    exchange, symbol = prefixed.groups() if prefixed else ("", text)
    is_plain = _SYMBOL.fullmatch(symbol) is not None and symbol.count("/") <= 1
    if not (is_plain or _is_swap(symbol)):
        raise _invalid(field)
    return exchange, symbol


def _is_swap(symbol: str) -> bool:
    swap = _SWAP.fullmatch(symbol)
    return swap is not None and swap[3] in (swap[1], swap[2]) and len(symbol) <= _MAX_SYMBOL_CHARACTERS


def _invalid(field: Field) -> DomainError:
    return DomainError(
        "symbol_invalid",
        f"{field.name} is {shown(field.value)}, which is not a symbol; send up to {_MAX_SYMBOL_CHARACTERS} "
        'letters, digits and . ! / - _ &, optionally with an exchange prefix, such as "NASDAQ:AAPL".',
        field.pointer,
    )
