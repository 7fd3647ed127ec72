"""When a recipient is told: grace, digest, quiet hours, and the pauses between attempts."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from notifications.core.timing import LEAST_GRACE, MAX_ATTEMPTS, Rules, due_at, pause_after

NIGHT = Rules(quiet=(time(22), time(7)), zone="Europe/Berlin")
LUNCH = Rules(quiet=(time(12), time(13, 30)))


def at(hour: int, minute: int = 0, second: int = 0, *, day: int = 16) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rules", "happened", "due"),
    [
        (Rules(), at(10), at(10, 0, 3)),
        (Rules(grace=timedelta(minutes=5)), at(10), at(10, 5)),
        (Rules(digest=timedelta(minutes=30)), at(10, 1), at(10, 30)),
        (Rules(digest=timedelta(minutes=30)), at(10, 29, 58), at(11)),
        (Rules(digest=timedelta(hours=24)), at(10), at(0, day=17)),
        # 21:00 UTC is 22:00 in Berlin, and seven o'clock there is six here.
        (NIGHT, at(20, 59), at(20, 59, 3)),
        (NIGHT, at(21), at(6, day=17)),
        (NIGHT, at(3), at(6)),
        (NIGHT, at(6), at(6, 0, 3)),
        (LUNCH, at(12, 30), at(13, 30)),
        (LUNCH, at(13, 30), at(13, 30, 3)),
        (Rules(quiet=(time(12), time(12))), at(12), at(12, 0, 3)),
    ],
)
def test_what_is_not_urgent_waits_for_grace_digest_and_morning(rules: Rules, happened: datetime, due: datetime) -> None:
    assert due_at(happened, rules, urgent=False) == due


def test_what_is_urgent_waits_for_its_grace_alone() -> None:
    rules = Rules(timedelta(seconds=30), timedelta(hours=1), (time(0), time(23)))

    assert due_at(at(10), rules, urgent=True) == at(10, 0, 30)


def test_who_wants_his_sleep_has_it() -> None:
    rules = Rules(quiet=(time(22), time(7)), quiet_when_urgent=True)

    assert due_at(at(23), rules, urgent=True) == at(7, day=17)


def test_quiet_hours_end_by_the_clock_on_the_night_it_changes() -> None:
    # On 29 March 2026 Berlin goes from two o'clock to three.
    assert due_at(at(22, day=28), NIGHT, urgent=False) == at(5, day=29)


@given(
    happened=some.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=some.just(UTC)),  # noqa: DTZ001 (bounds)
    begins=some.times(),
    ends=some.times(),
    digest=some.integers(0, 1440),
    grace=some.integers(0, 86_400),
)
def test_nobody_is_told_early_in_quiet_hours_or_later_than_four_days_on(
    happened: datetime, begins: time, ends: time, digest: int, grace: int
) -> None:
    rules = Rules(timedelta(seconds=grace), timedelta(minutes=digest), (begins, ends))

    due = due_at(happened, rules, urgent=False)

    assert happened + max(timedelta(seconds=grace), LEAST_GRACE) <= due <= happened + timedelta(days=4)
    outside = ends <= due.time() < begins or (begins <= ends and not begins <= due.time() < ends)
    assert outside


def test_attempts_are_further_and_further_apart_and_come_to_an_end() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, MAX_ATTEMPTS + 1)]

    assert pauses[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert pauses[-2:] == [timedelta(hours=1), None]
