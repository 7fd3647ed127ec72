"""Sums of whole months beside those of days, so that a report over years reads dozens of rows instead of thousands."""

from __future__ import annotations

from datetime import date, timedelta
from time import monotonic

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Composed

from kernel.sql import load
from outcomes.performance.measures import MEASURES
from outcomes.performance.scope import LOCK, Range, Scope, added_up, columns, within

DRAWDOWN = load(__file__, "drawdown.sql")
# What a month knows of its days beside their sums.
MONTH_SUMS = ("active_days", "squared_days")
_FINISHED = load(__file__, "finished_months.sql")
_COURSES = SQL(DRAWDOWN).format(curves=SQL("SELECT * FROM days WHERE fall IS NOT NULL"), by=SQL("slice_id, currency, "))
_ADD_UP = SQL(load(__file__, "months.sql")).format(names=columns(MEASURES), sums=added_up(MEASURES), courses=_COURSES)


def add_up_months(*, seconds: float | None = None) -> int:
    """Make the sums of months that are over, until so many seconds have passed; how many were made."""
    ends = None if seconds is None else monotonic() + seconds
    with connection.cursor() as cursor:
        cursor.execute(_FINISHED)
        finished = [month for (month,) in cursor.fetchall()]
    for made, month in enumerate(finished):
        if ends is not None and monotonic() > ends:
            return made
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK)
            # Another worker may have made them while this one waited.
            cursor.execute("DELETE FROM report_months WHERE day = %(month)s", {"month": month})
            cursor.execute(_ADD_UP, {"month": month})
    return len(finished)


def month_cells(scope: Scope, names: Composable, condition: Composable) -> Composed:
    """Sums of the whole months of a scope, of what its filters choose; each under its first day."""
    return SQL("SELECT {} FROM report_months WHERE {} AND currency = %(currency)s AND {} AND {}").format(
        names, scope.sliced, SQL("day = ANY(%(months)s::date[])" if _has_months(scope) else "false"), condition
    )


def beside_months(scope: Scope) -> Composed:
    """The condition on the days of a scope that are in none of these months."""
    gaps: list[Range] = []
    since: date | None = None
    for month in scope.months if _has_months(scope) else ():
        if month != since:
            gaps.append((since, month))
        since = (month + timedelta(days=31)).replace(day=1)
    return within("day", [*gaps, (since, None)])


def _has_months(scope: Scope) -> bool:
    # Nothing is added up by several filters at once: there are too many of them.
    return len(scope.narrowing) <= 1
