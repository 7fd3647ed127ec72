"""Days of the report whose sums are out of date, which the worker makes anew.

Apart from what else falls due: the sums of a day with fifty thousand trades take longer than an exit may wait for them.
"""

from __future__ import annotations

from time import monotonic

from django.db import InterfaceError, OperationalError, connection

from kernel.events import SETTLING_FAILED
from kernel.sql import load
from kernel.values import day_text
from outcomes.performance.scope import rebuild_day

DUE_DAYS = load(__file__, "due_days.sql")
# The longest waiting first.
_IN_TURN = f"SELECT day FROM ({DUE_DAYS}) due ORDER BY since, day"  # noqa: S608 (our own)


def rebuild_due_days(*, seconds: float) -> int:
    """Make the sums of days that are due, until so many seconds have passed, of one at least; how many were made."""
    ends = monotonic() + seconds
    with connection.cursor() as cursor:
        cursor.execute(_IN_TURN)
        days = [day for (day,) in cursor.fetchall()]
    made = 0
    for day in days:
        try:
            rebuild_day(day)
            made += 1
        except (InterfaceError, OperationalError):
            # Without a database none of the others would fare better.
            raise
        except Exception as error:  # noqa: BLE001 (reported, and tried again; one day does not hold up the others)
            SETTLING_FAILED.log(what="report", id=day_text(day), error=f"{type(error).__name__}: {error}")
        if monotonic() > ends:
            break
    return made
