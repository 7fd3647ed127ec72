"""Two requests at the same moment: threads with connections of their own, and pauses that end by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

Result = TypeVar("Result")
LIMIT_SECONDS = 20


def start(pool: ThreadPoolExecutor, call: Callable[[], Result]) -> Future[Result]:
    """Run the call in a thread; its connection is closed afterwards."""

    def run() -> Result:
        try:
            return call()
        finally:
            connection.close()

    return pool.submit(run)


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; fail after a generous limit."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def somebody_waits_for_a_lock() -> bool:
    """Tell whether another session of this database waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
            " AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database()))"
        )
        return bool(cursor.fetchone()[0])


class Meeting:
    """A point in one thread's work at which it waits until the other thread has finished, or waits for it."""

    def __init__(self) -> None:
        self.reached = False
        self.other: Future[Any] | None = None
        self.other_was_done = False

    def after(self, function: Callable[..., Result]) -> Callable[..., Result]:
        """Return the function with a pause after its first call."""

        def paused(*args: Any, **kwargs: Any) -> Result:
            result = function(*args, **kwargs)
            if not self.reached:
                self.reached = True
                self._pause()
            return result

        return paused

    def _pause(self) -> None:
        wait_until(lambda: self.other is not None)
        other = self.other
        assert other is not None
        wait_until(lambda: other.done() or somebody_waits_for_a_lock())
        self.other_was_done = other.done()


def run_across(meeting: Meeting, first: Callable[[], Result], second: Callable[[], Result]) -> tuple[Result, Result]:
    """Run `first` up to the meeting, then `second`; return what both came to."""
    with ThreadPoolExecutor(2) as pool:
        one = start(pool, first)
        wait_until(lambda: meeting.reached)
        meeting.other = start(pool, second)
        return one.result(LIMIT_SECONDS), meeting.other.result(LIMIT_SECONDS)


def run_together(*calls: Callable[[], Result]) -> list[Result]:
    """Run all calls at once and return what they came to."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(LIMIT_SECONDS) for future in [start(pool, call) for call in calls]]
