"""The fields of an alert by their many names, and what each says but the direction: symbol, order, timeframe, time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, TypeVar

from kernel.errors import DomainError
from kernel.values import FARTHEST_ZONE, FIRST_YEAR, LAST_YEAR, epoch_instant
from signals_app.alerts.refusals import (
    MAX_SYMBOL_CHARACTERS,
    Field,
    Path,
    conflict,
    invalid_symbol,
    shown,
    time_out_of_range,
    unparseable_time,
)
from signals_app.alerts.vocabulary import (
    BAR_OPEN_ALIASES,
    CONTAINERS,
    EXCHANGE_ALIASES,
    NOT_A_SYMBOL,
    ORDER_ID_ALIASES,
    SEQUENCE_ALIASES,
    STRATEGY_ALIASES,
    SYMBOL_ALIASES,
    TIMEFRAME_ALIASES,
    TIMEFRAME_UNITS,
    TIMEFRAME_WORDS,
    TIMESTAMP_RANKS,
    WEAK_ORDER_ID_ALIASES,
    WEAK_SYMBOL_ALIASES,
    WEAK_TIMEFRAME_ALIASES,
)

T = TypeVar("T")

MAX_STRATEGY_CHARACTERS = 200
MAX_ORDER_ID_CHARACTERS = 200
_REMEMBERED_CHARACTERS = 40


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
# For the OpenAPI document the same, with the exchange's prefix and in either case but for swaps; a test compares them.
_SHORT = f"{{1,{MAX_SYMBOL_CHARACTERS}}}$"
SYMBOL_PATTERN = (
    rf"^\s*(?!(?:{'|'.join(sorted(NOT_A_SYMBOL))}) *$)(?:[A-Za-z][A-Za-z0-9_]{{0,49}}:)?"
    rf"(?:(?=[^:]{_SHORT})(?!.*/.*/)(?=.*[A-Za-z0-9])"
    r"(?:[A-Za-z0-9.^$@#/][A-Za-z0-9.!/_&=\- ]*[+#]{0,2}|\[[A-Za-z0-9.!/_&=\- ]+\])"
    rf"|(?=.{_SHORT})([A-Z0-9]+)/([A-Z0-9]+):(?:\1|\2)(?:-[A-Z0-9]+)*)$"
)
# ccxt writes a swap as BASE/QUOTE:SETTLE, where the colon is no exchange prefix.
_SWAP = re.compile(r"([A-Z0-9]+)/([A-Z0-9]+):([A-Z0-9]+)((?:-[A-Z0-9]+)*)")
_EXCHANGE = re.compile(r"[A-Z0-9][A-Z0-9_.\- ]{0,49}")
# So TradingView marks an exchange whose data are delayed; it is the same exchange.
_DELAYED = re.compile(r"_DLY?$")


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
        raise invalid_symbol(field)
    text = text.upper()
    if _is_swap(text):
        return "", text
    prefixed = _PREFIXED.fullmatch(text)
    exchange, symbol = prefixed.groups() if prefixed else ("", text)
    is_plain = _SYMBOL.fullmatch(symbol) is not None and symbol.count("/") <= 1
    if not (is_plain or _is_swap(symbol)):
        raise invalid_symbol(field)
    return exchange, symbol


def _is_swap(symbol: str) -> bool:
    swap = _SWAP.fullmatch(symbol)
    return swap is not None and swap[3] in (swap[1], swap[2]) and len(symbol) <= MAX_SYMBOL_CHARACTERS


_MINUTES = re.compile(r"([0-9]{1,5})(?:\.0*)?")
_COUNTED = re.compile(r"(?:([0-9]{1,5})[ _-]*)?([A-Za-z]+)")
_METATRADER = re.compile(r"(M|H|D|W|MN)([0-9]{1,3})", re.IGNORECASE)
# Bars of a range or a number of trades, as long as they take.
_EVENT_UNITS = {"r": "R", "range": "R", "t": "T", "tick": "T", "ticks": "T"}
_METATRADER_UNITS = {"M": "m", "H": "h", "D": "d", "W": "w", "MN": "M"}
_LARGER = {"s": ("m", 60), "m": ("h", 60), "h": ("d", 24)}
# "15M" is far more often a slip for 15 minutes than a chart of 15 months, which no vendor has.
_MAX_COUNT = {"s": 86_400, "m": 10_080, "h": 720, "d": 366, "w": 53, "M": 12, "R": 99_999, "T": 99_999}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 31 * 86_400, "R": 0, "T": 0}

_ISO = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[Tt ]\s*(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,20}))?)?)?"
    r"\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_EPOCH = re.compile(r"[+-]?\d{1,30}(?:\.\d{0,30})?", re.ASCII)
_MINUTES_AN_HOUR = 60
# Seconds have had ten digits since 2001: a smaller number has lost some, and would be read as a day long ago.
_FIRST_EPOCH = 10**9


@dataclass(frozen=True, slots=True)
class TimestampReading:
    """When the alert says it fired, or when its bar opened; aware, in UTC."""

    value: datetime
    is_bar_open: bool
    fields: tuple[Field, ...]


def read_timeframe(fields: Fields) -> Reading[str] | None:
    """The timeframe as ``<n><s|m|h|d|w|M|R|T>``, None when the alert has none; raise DomainError when it is not one."""
    return read_agreeing(fields.find(TIMEFRAME_ALIASES) or fields.find(WEAK_TIMEFRAME_ALIASES), _timeframe)


def duration(timeframe: str) -> timedelta:
    """The longest time that one bar of this canonical timeframe spans.

    A month counts 31 days; bars of ranges and ticks, which take what they take, count none.
    """
    return timedelta(seconds=int(timeframe[:-1]) * _SECONDS[timeframe[-1]])


def read_timestamp(fields: Fields) -> TimestampReading | None:
    """The preferred timestamp, None when the alert has none; raise DomainError when it is not one."""
    for aliases in TIMESTAMP_RANKS:
        found = fields.find(aliases)
        reading = read_agreeing(found, _timestamp)
        if reading is not None:
            is_bar_open = any(field.alias in BAR_OPEN_ALIASES for field in found)
            return TimestampReading(reading.value, is_bar_open, reading.fields)
    return None


def _timeframe(field: Field) -> str:
    refuse_placeholder(field)
    value = field.value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise DomainError(
            "timeframe_type", f'{field.name} must be text such as "5m", or minutes, not {shown(value)}.', field.pointer
        )
    count, unit = 0, ""
    text = value.strip() if isinstance(value, str) else str(value)
    if minutes := _MINUTES.fullmatch(text):
        count, unit = int(minutes[1]), "m"
    elif metatrader := _METATRADER.fullmatch(text):
        count, unit = int(metatrader[2]), _METATRADER_UNITS[metatrader[1].upper()]
    elif counted := _COUNTED.fullmatch(TIMEFRAME_WORDS.get(compact(text), text)):
        # Case matters for this letter only: M is a month, m a minute.
        letters = counted[2].lower()
        unit = "M" if counted[2] in {"M", "MN"} else TIMEFRAME_UNITS.get(letters) or _EVENT_UNITS.get(letters, "")
        # TradingView writes D as well as 1D.
        count = int(counted[1] or 1)
    if not 1 <= count <= _MAX_COUNT.get(unit, 0):
        raise DomainError(
            "timeframe_invalid",
            f"{field.name} is {shown(value)}; send one timeframe: minutes as a number, or a number with s, m, h, d, "
            'w, M for months (at most 12), R for ranges or T for ticks, such as "5m".',
            field.pointer,
        )
    # 60 minutes and 1h are one chart, 1440 and D another; each must be one signal.
    while unit in _LARGER and count % _LARGER[unit][1] == 0:
        unit, factor = _LARGER[unit]
        count //= factor
    return f"{count}{unit}"


def _timestamp(field: Field) -> datetime:
    refuse_placeholder(field)
    value = field.value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise DomainError(
            "timestamp_type",
            f"{field.name} must be an ISO 8601 time with a time zone, or epoch seconds or milliseconds, "
            f"not {shown(value)}.",
            field.pointer,
        )
    text = value.strip() if isinstance(value, str) else repr(value)
    if not isinstance(value, str) or _EPOCH.fullmatch(text):
        try:
            number = Decimal(text)
            if number < _FIRST_EPOCH:
                raise time_out_of_range(field)
            return epoch_instant(number)
        except ValueError as error:
            raise time_out_of_range(field) from error
    return _from_iso(text, field)


def _from_iso(text: str, field: Field) -> datetime:
    match = _ISO.fullmatch(text)
    if match is None:
        raise unparseable_time(field)
    parts = {name: int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    fraction = (match["fraction"] or "").ljust(6, "0")[:6]
    if parts["year"] == 0:
        raise time_out_of_range(field)
    try:
        local = datetime(**parts, microsecond=int(fraction), tzinfo=UTC)
    except ValueError as error:
        raise unparseable_time(field) from error
    if match["zone"] is None:
        raise DomainError(
            "timestamp_naive",
            f"{field.name} is {shown(field.value)}, which has no time zone; add Z or an offset, "
            'or send "{{timenow}}".',
            field.pointer,
        )
    zone = match["zone"]
    try:
        digits = "" if zone.isalpha() else zone[1:].replace(":", "")
        hours, minutes = int(digits[:2] or 0), int(digits[2:] or 0)
        if minutes >= _MINUTES_AN_HOUR:
            raise unparseable_time(field)
        offset = timedelta(hours=hours, minutes=minutes)
        if offset > FARTHEST_ZONE:
            raise time_out_of_range(field)
        moment = local + offset if zone[0] == "-" else local - offset
    except OverflowError as error:
        raise time_out_of_range(field) from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise time_out_of_range(field)
    return moment
