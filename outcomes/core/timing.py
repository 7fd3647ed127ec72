"""Whether what a report says can have happened when it says so, by the database clock at its arrival.

A back-dated entry is an entry at a price that has already turned out well. So nothing is taken for true that lies
further back than the time it takes to send a report, and nothing that lies ahead of the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# How far a sender's clock may be ahead of the database's.
CLOCK_SKEW = timedelta(seconds=5)

IN_TIME = "IN_TIME"
TOO_LATE = "TOO_LATE"
IN_FUTURE = "IN_FUTURE"


@dataclass(frozen=True, slots=True)
class ReportClock:
    """How the times of one report are judged.

    Live: each must lie within [arrival - delay, arrival + 5 s]. Replayed: the source's own clock counts, which is the
    latest alert time it has sent, and a report may tell of anything from the signal's time up to that clock plus one
    timeframe; when it arrives says nothing.
    """

    arrival: datetime
    delay: timedelta
    replayed_until: datetime | None = None  # the source's clock plus one timeframe; None for a live source

    def judge(self, moment: datetime) -> str:
        """IN_TIME, TOO_LATE or IN_FUTURE for the time of an entry, a fill or an exit."""
        if self.replayed_until is not None:
            return IN_FUTURE if moment > self.replayed_until else IN_TIME
        if moment > self.arrival + CLOCK_SKEW:
            return IN_FUTURE
        return TOO_LATE if moment < self.arrival - self.delay else IN_TIME
