"""Times of a report against the clock it arrived by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from outcomes.core.checks import IN_FUTURE, IN_TIME, TOO_LATE, ReportClock

ARRIVAL = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
LIVE = ReportClock(ARRIVAL, timedelta(seconds=30))


@pytest.mark.parametrize(
    ("seconds", "judged"),
    [(-30.000001, TOO_LATE), (-30, IN_TIME), (0, IN_TIME), (5, IN_TIME), (5.000001, IN_FUTURE), (-86_400, TOO_LATE)],
)
def test_a_live_report_tells_of_the_last_seconds_only(seconds: float, judged: str) -> None:
    assert LIVE.judge(ARRIVAL + timedelta(seconds=seconds)) == judged


def test_a_replayed_report_is_judged_by_the_clock_of_its_source() -> None:
    source_clock = datetime(2008, 8, 1, 15, 0, tzinfo=UTC)
    replayed = ReportClock(ARRIVAL, timedelta(seconds=30), replayed_until=source_clock)

    assert replayed.judge(source_clock - timedelta(days=300)) == IN_TIME
    assert replayed.judge(source_clock) == IN_TIME
    assert replayed.judge(source_clock + timedelta(microseconds=1)) == IN_FUTURE
