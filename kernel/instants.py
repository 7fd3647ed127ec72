"""Reading the times that engines write: RFC 3339 with a zone, at most microseconds.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1970, 2100
FARTHEST_ZONE = timedelta(hours=14)


def parse_instant(value: object) -> datetime:
    """Return the instant in UTC; raise ValueError saying what is wrong with the text.

    Nanoseconds are refused rather than cut: a cut quote time could move before the exit.
    """
    if not isinstance(value, str) or _RFC_3339.fullmatch(value) is None:
        raise ValueError("Send RFC 3339 with a zone and at most microseconds, such as 2026-03-16T14:30:00.000000Z.")
    try:
        written = datetime.fromisoformat(value.upper())
        moment = written.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("There is no such time; check day, hour and zone.") from error
    if abs(written.utcoffset() or timedelta()) > FARTHEST_ZONE:
        raise ValueError("No zone is more than 14 hours from UTC.")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"The year must lie within {FIRST_YEAR} and {LAST_YEAR}.")
    return moment


def format_timestamp(moment: datetime) -> str:
    """Write the instant as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, the form of every hashed document.

    Raises ValueError without a zone.
    """
    if moment.utcoffset() is None:
        raise ValueError("A timestamp without a time zone names no instant.")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
