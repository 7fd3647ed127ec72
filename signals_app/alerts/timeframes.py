"""Reading the timeframe of an alert: canonical ``<n><s|m|h|d|w|M>``.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import re
from datetime import timedelta

from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Member, Members, Reading, compact, read_agreeing, refuse_placeholder, shown
from signals_app.alerts.vocabulary import TIMEFRAME_ALIASES, TIMEFRAME_UNITS, TIMEFRAME_WORDS, WEAK_TIMEFRAME_ALIASES

_MINUTES = re.compile(r"([0-9]{1,5})(?:\.0*)?")
_COUNTED = re.compile(r"(?:([0-9]{1,5})[ _-]*)?([A-Za-z]+)")
_METATRADER = re.compile(r"(M|H|D|W|MN)([0-9]{1,3})", re.IGNORECASE)
_METATRADER_UNITS = {"M": "m", "H": "h", "D": "d", "W": "w", "MN": "M"}
_LARGER = {"s": ("m", 60), "m": ("h", 60)}
# "15M" is far more often a slip for 15 minutes than a chart of 15 months, which no vendor has.
_MAX_COUNT = {"s": 86_400, "m": 10_080, "h": 720, "d": 366, "w": 53, "M": 12}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 31 * 86_400}


def read_timeframe(members: Members) -> Reading[str] | None:
    """Return the canonical timeframe, None when the alert names none; raise AlertError when it is none."""
    return read_agreeing(members.find(TIMEFRAME_ALIASES) or members.find(WEAK_TIMEFRAME_ALIASES), _timeframe)


def duration(timeframe: str) -> timedelta:
    """Return the longest time one bar of this canonical timeframe spans; a month counts 31 days."""
    return timedelta(seconds=int(timeframe[:-1]) * _SECONDS[timeframe[-1]])


def _timeframe(member: Member) -> str:
    refuse_placeholder(member)
    value = member.value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise AlertError(
            "timeframe_type", f'{member.name} must be text such as "5m", or minutes, not {shown(value)}.', member.name
        )
    parsed = _parse(value.strip() if isinstance(value, str) else str(value))
    canonical = _canonical(*parsed) if parsed else None
    if canonical is None:
        raise AlertError(
            "timeframe_invalid",
            f"{member.name} is {shown(value)}; send one timeframe: minutes as a number, or a number with s, m, h, d, "
            'w or M for months (at most 12), such as "5m".',
            member.name,
        )
    return canonical


def _parse(text: str) -> tuple[int, str] | None:
    """Return count and unit, None when the text is no timeframe."""
    minutes = _MINUTES.fullmatch(text)
    if minutes:
        return int(minutes[1]), "m"
    metatrader = _METATRADER.fullmatch(text)
    if metatrader:
        return int(metatrader[2]), _METATRADER_UNITS[metatrader[1].upper()]
    counted = _COUNTED.fullmatch(TIMEFRAME_WORDS.get(compact(text), text))
    if counted is None:
        return None
    unit = _unit(counted[2])
    return (int(counted[1] or 1), unit) if unit else None


def _unit(text: str) -> str | None:
    # Case matters for this letter only: M is a month, m a minute.
    return "M" if text in {"M", "MN"} else TIMEFRAME_UNITS.get(text.lower())


def _canonical(count: int, unit: str) -> str | None:
    if not 1 <= count <= _MAX_COUNT[unit]:
        return None
    while unit in _LARGER and count % _LARGER[unit][1] == 0:
        unit, factor = _LARGER[unit]
        count //= factor
    return f"{count}{unit}"
