"""Reading the two times of an alert: the timeframe of its chart, and the timestamp at which it fired."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from kernel.errors import DomainError
from kernel.values import FARTHEST_ZONE, FIRST_YEAR, LAST_YEAR, epoch_instant
from signals_app.alerts.fields import Field, Fields, Reading, compact, read_agreeing, refuse_placeholder, shown
from signals_app.alerts.vocabulary import (
    BAR_OPEN_ALIASES,
    TIMEFRAME_ALIASES,
    TIMEFRAME_UNITS,
    TIMEFRAME_WORDS,
    TIMESTAMP_RANKS,
    WEAK_TIMEFRAME_ALIASES,
)

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
                raise _out_of_range(field)
            return epoch_instant(number)
        except ValueError as error:
            raise _out_of_range(field) from error
    return _from_iso(text, field)


def _from_iso(text: str, field: Field) -> datetime:
    match = _ISO.fullmatch(text)
    if match is None:
        raise _unparseable(field)
    parts = {name: int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    fraction = (match["fraction"] or "").ljust(6, "0")[:6]
    if parts["year"] == 0:
        raise _out_of_range(field)
    try:
        local = datetime(**parts, microsecond=int(fraction), tzinfo=UTC)
    except ValueError as error:
        raise _unparseable(field) from error
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
            raise _unparseable(field)
        offset = timedelta(hours=hours, minutes=minutes)
        if offset > FARTHEST_ZONE:
            raise _out_of_range(field)
        moment = local + offset if zone[0] == "-" else local - offset
    except OverflowError as error:
        raise _out_of_range(field) from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _out_of_range(field)
    return moment


def _unparseable(field: Field) -> DomainError:
    return DomainError(
        "timestamp_unparseable",
        f"{field.name} is {shown(field.value)}; send an ISO 8601 time with a time zone, such as "
        '"2026-03-16T14:30:00Z", or epoch seconds or milliseconds.',
        field.pointer,
    )


def _out_of_range(field: Field) -> DomainError:
    return DomainError(
        "timestamp_out_of_range",
        f"{field.name} is {shown(field.value)}; it must be within the years {FIRST_YEAR} to {LAST_YEAR}, with an "
        "offset of at most 14 hours. Epoch values have at least 10 digits for seconds, 13 for milliseconds.",
        field.pointer,
    )
