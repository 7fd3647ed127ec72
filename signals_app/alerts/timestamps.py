"""Reading the timestamp of an alert as an aware UTC time with microseconds.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Member, Members, read_agreeing, refuse_placeholder, shown
from signals_app.alerts.vocabulary import BAR_OPEN_ALIASES, TIMESTAMP_RANKS

_ISO = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[Tt ]\s*(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,20}))?)?)?"
    r"\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_EPOCH = re.compile(r"[+-]?\d{1,30}(?:\.\d{0,30})?", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_EPOCH_START = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
_MAX_EPOCH_MICROSECONDS = int((datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH_START).total_seconds()) * 10**6 - 1
# As seconds this is the year 5138, as milliseconds 1973: no alert lies between.
_FIRST_MILLISECONDS = 10**11
_MAX_OFFSET = timedelta(hours=14)
_MINUTES_AN_HOUR = 60


@dataclass(frozen=True, slots=True)
class TimestampReading:
    """When the alert says it fired, or when its bar opened."""

    value: datetime
    is_bar_open: bool
    members: tuple[Member, ...]


def read_timestamp(members: Members) -> TimestampReading | None:
    """Return the preferred timestamp, None when the alert has none; raise AlertError when it is none."""
    for aliases in TIMESTAMP_RANKS:
        found = members.find(aliases)
        reading = read_agreeing(found, _timestamp)
        if reading is not None:
            return TimestampReading(
                reading.value, any(member.alias in BAR_OPEN_ALIASES for member in found), reading.members
            )
    return None


def _timestamp(member: Member) -> datetime:
    refuse_placeholder(member)
    value = member.value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise AlertError(
            "timestamp_type",
            f"{member.name} must be an ISO 8601 time with zone or epoch seconds or milliseconds, not {shown(value)}.",
            member.name,
        )
    if not isinstance(value, str):
        return _from_epoch(Decimal(repr(value)), member)
    text = value.strip()
    if _EPOCH.fullmatch(text):
        return _from_epoch(Decimal(text), member)
    return _from_iso(text, member)


def _from_epoch(number: Decimal, member: Member) -> datetime:
    factor = 10**6 if abs(number) < _FIRST_MILLISECONDS else 10**3
    if not 0 <= number <= _MAX_EPOCH_MICROSECONDS:
        raise _out_of_range(member)
    microseconds = int((number * factor).to_integral_value(ROUND_DOWN))
    if microseconds > _MAX_EPOCH_MICROSECONDS:
        raise _out_of_range(member)
    return _EPOCH_START + timedelta(microseconds=microseconds)


def _from_iso(text: str, member: Member) -> datetime:
    match = _ISO.fullmatch(text)
    if match is None:
        raise _unparseable(member)
    parts = {name: int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    fraction = (match["fraction"] or "").ljust(6, "0")[:6]
    zone = match["zone"]
    if parts["year"] == 0:
        raise _out_of_range(member)
    try:
        local = datetime(**parts, microsecond=int(fraction), tzinfo=UTC)
    except ValueError as error:
        raise _unparseable(member) from error
    if zone is None:
        raise AlertError(
            "timestamp_naive",
            f"{member.name} is {shown(member.value)}, a time without a zone; add Z or an offset, "
            'or send "{{timenow}}".',
            member.name,
        )
    return _to_utc(local, _offset(zone, member), member)


def _offset(zone: str, member: Member) -> timedelta:
    if zone.isalpha():
        return timedelta()
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if minutes >= _MINUTES_AN_HOUR:
        raise _unparseable(member)
    offset = timedelta(hours=hours, minutes=minutes)
    if offset > _MAX_OFFSET:
        raise _out_of_range(member)
    return -offset if zone[0] == "-" else offset


def _to_utc(local: datetime, offset: timedelta, member: Member) -> datetime:
    try:
        moment = local - offset
    except OverflowError as error:
        raise _out_of_range(member) from error
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise _out_of_range(member)
    return moment


def _unparseable(member: Member) -> AlertError:
    return AlertError(
        "timestamp_unparseable",
        f"{member.name} is {shown(member.value)}; send an ISO 8601 time with zone such as "
        '"2026-03-16T14:30:00Z", or epoch seconds or milliseconds.',
        member.name,
    )


def _out_of_range(member: Member) -> AlertError:
    return AlertError(
        "timestamp_out_of_range",
        f"{member.name} is {shown(member.value)}; allowed are the years 1970 to 2100, offsets up to 14 hours, "
        "and epoch values in seconds or milliseconds.",
        member.name,
    )
