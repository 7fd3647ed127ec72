"""Instants, decimals, ids and whole numbers: one reader and one writer of each."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from uuid import UUID

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
# For documents: the same for a pattern. The first and the last day are there in UTC only, where they end the years that
# are read. It lacks the space that many write for the T: whoever checks formats takes it for no `date-time`.
_DAY = (
    r"(?!1970-01-01|2100-12-31)((19[7-9]\d|20\d\d|2100)-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)"
    r"|(0[13578]|1[02])-31)|(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26]))-02-29)"
)
_CLOCK = r"[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
INSTANT_PATTERN = (
    rf"^({_DAY}{_CLOCK}([Zz]|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)|(1970-01-01|2100-12-31){_CLOCK}([Zz]|[+-]00:00))$"
)
# What people leave out when they type a time.
_NO_SECONDS = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(?!:)", re.ASCII)
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\d[Tt ][\d:.]+", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1970, 2100
# Kiribati's; no clock on earth is further from UTC.
FARTHEST_ZONE = timedelta(hours=14)
_EPOCH_START = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Of what stands in cursors.
MOMENT_PATTERN, UUID_PATTERN = r"\d{1,16}", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MAX_EPOCH_MICROSECONDS = int((datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH_START).total_seconds()) * 10**6 - 1
# As seconds this is the year 5138, as milliseconds 1973: nothing that anybody reports lies between.
_FIRST_MILLISECONDS = 10**11
# For documents: unit, first and end of the numbers that are read as times.
EPOCHS = (
    ("Seconds", 0, (_MAX_EPOCH_MICROSECONDS + 1) // 10**6),
    ("Milliseconds", _FIRST_MILLISECONDS, (_MAX_EPOCH_MICROSECONDS + 1) // 10**3),
)
_FIFTEEN_DIGITS = Context(prec=15, rounding=ROUND_HALF_EVEN)
# Of a number, eight times what one rounding to a double changes.
_NOISE = Decimal(2) ** -50
_LEAST_IN_FULL, _LEAST_AS_POWER = Decimal("0.000001"), 10**9


def parse_instant(value: object) -> datetime:
    """The instant in UTC that RFC 3339 text names; raises ValueError with a sentence for its writer.

    Nanoseconds are cut to the microseconds that are stored, so that a repeat in either spelling is a repeat.
    """
    if not isinstance(value, str) or RFC_3339.fullmatch(value) is None:
        raise ValueError("Send RFC 3339 with a zone and at most nanoseconds, such as 2026-03-16T14:30:00.000000Z.")
    try:
        # In capitals: Python 3.11 reads no small z.
        written = datetime.fromisoformat(value.upper())
        moment = written.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("This time does not exist; check day, hour and zone.") from error
    if abs(written.utcoffset() or timedelta()) > FARTHEST_ZONE:
        raise ValueError("No zone is more than 14 hours from UTC.")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"The year must lie within {FIRST_YEAR} and {LAST_YEAR}.")
    return moment


def epoch_instant(number: Decimal) -> datetime:
    """The instant that epoch seconds or, from 10^11 on, milliseconds name, cut to microseconds; raises ValueError."""
    factor = 10**6 if abs(number) < _FIRST_MILLISECONDS else 10**3
    # The first comparison bounds the digits of the product in the second one.
    if 0 <= number <= _MAX_EPOCH_MICROSECONDS:
        microseconds = int((number * factor).to_integral_value(ROUND_DOWN))
        if microseconds <= _MAX_EPOCH_MICROSECONDS:
            return _EPOCH_START + timedelta(microseconds=microseconds)
    raise ValueError(f"The year must lie within {FIRST_YEAR} and {LAST_YEAR}.")


def epoch_microseconds(moment: datetime) -> int:
    """How many have passed since 1970; the form of instants in cursors."""
    return (moment - _EPOCH_START) // _MICROSECOND


def from_epoch_microseconds(text: str) -> datetime:
    """The instant that `epoch_microseconds` was made of; any text of MOMENT_PATTERN is one."""
    return _EPOCH_START + int(text) * _MICROSECOND


def parse_typed_instant(text: str) -> datetime:
    """`parse_instant` for what people type: without seconds it is :00, without a zone it is UTC."""
    text = _NO_SECONDS.sub(r"\1:00", text.strip())
    return parse_instant(f"{text}Z" if _NO_ZONE.fullmatch(text) else text)


def read_instant(text: str) -> datetime:
    """The instant in a document of our own, as we or PostgreSQL wrote it; raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("A timestamp without a time zone names no instant.")
    return moment


def format_timestamp(moment: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SS.ffffffZ``, the form of every hashed document; raises ValueError without a zone."""
    # Microseconds always: isoformat alone leaves them out when they are zero, and the hash would be another.
    if moment.tzinfo is UTC:
        # Nearly every instant, with nothing to convert: it ends with +00:00.
        return moment.isoformat(timespec="microseconds")[:-6] + "Z"
    if moment.utcoffset() is None:
        raise ValueError("A timestamp without a time zone names no instant.")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant_text(moment: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``, the form for people."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def day_text(day: date) -> str:
    """A calendar day as YYYY-MM-DD."""
    return day.isoformat()


def without_noise(number: Decimal) -> Decimal:
    """The number that arithmetic on doubles has meant: 6000.18 of 6000.179999999999, and any other as it is.

    A double holds every number of 15 digits. One that differs from such a number by no more than a few roundings do is
    taken for it.
    """
    short = _FIFTEEN_DIGITS.plus(number)
    return short if abs(short - number) <= abs(number) * _NOISE else number


def decimal_text(value: Decimal) -> str:
    """The number without exponent, with at least two decimals and no trailing zeros beyond them; exact, no "-0.00"."""
    whole, _, decimals = f"{value:f}".partition(".")
    text = f"{whole}.{decimals.rstrip('0'):0<2}"
    return "0.00" if text == "-0.00" else text


def figure_text(value: float | str, *, signed: bool = False) -> str:
    """Three digits of a measured number, such as 2,410 or 0.0812; a power of ten only where nobody counts the zeros."""
    number, sign = float(value), "+" if signed else ""
    rounded = Decimal(f"{number:.3g}")
    in_full = not rounded or (rounded.is_finite() and _LEAST_IN_FULL <= abs(rounded) < _LEAST_AS_POWER)
    return f"{rounded:{sign},f}" if in_full else f"{number:{sign}.3g}"


def plain_text(value: Decimal) -> str:
    """The number without exponent and without trailing zeros; exact, no "-0"."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


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


def counted(number: int, noun: str) -> str:
    """A number of things in words, such as "1 difference" or "2 differences"; of nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
