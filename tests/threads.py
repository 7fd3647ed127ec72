"""Real concurrency in tests: threads with a database connection each.

Use with `@pytest.mark.django_db(transaction=True)`, because threads see committed rows only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, transaction

from tests.database import execute, value

T = TypeVar("T")
# Far more than anything here takes; only a hang reaches it.
LIMIT_SECONDS = 30.0


def together(*functions: Callable[[], T]) -> list[T | Exception]:
    """Run the functions at the same moment; return what each returned or raised, in order."""
    barrier = threading.Barrier(len(functions))

    def run(function: Callable[[], T]) -> T | Exception:
        try:
            _start_session()
            barrier.wait(LIMIT_SECONDS)
            return function()
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def succeeded(results: list[T | Exception]) -> list[T]:
    """Return the results; raise the first error among them."""
    for result in results:
        if isinstance(result, Exception):
            raise result
    return [result for result in results if not isinstance(result, Exception)]


def _start_session() -> None:
    # A test that fails while it holds a lock must end, not hang.
    execute(f"SET lock_timeout = '{LIMIT_SECONDS}s'")


@contextmanager
def in_background(function: Callable[[], T]) -> Iterator[Future[T]]:
    """Run the function in a thread while the block runs; the thread has ended when the block has."""

    def run() -> T:
        try:
            _start_session()
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


@contextmanager
def uncommitted(function: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Run the function in another session and leave it uncommitted; yield what commits it.

    Whoever waits for it in the block, until it gives up by itself, fails.
    """
    done, commit = threading.Event(), threading.Event()

    def run() -> None:
        with transaction.atomic():
            function()
            done.set()
            assert commit.wait(LIMIT_SECONDS), "Somebody has waited for what was not committed."

    with in_background(run) as future:
        wait_until(lambda: done.is_set() or future.done(), "the uncommitted change")

        def commit_now() -> None:
            commit.set()
            future.result(LIMIT_SECONDS)

        try:
            yield commit_now
        finally:
            commit.set()
        future.result(LIMIT_SECONDS)


@contextmanager
def waiting_for_nobody() -> Iterator[None]:
    """Let whatever waits for a lock in the block fail."""
    execute("SET lock_timeout = '1ms'")
    try:
        yield
    finally:
        execute("SET lock_timeout = 0")


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return once the condition holds; fail when it does not in good time."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.01)


def blocked_sessions() -> int:
    """How many sessions of this database wait for a lock."""
    # Inside a transaction PostgreSQL shows the activity as it was at the first look.
    execute("SELECT pg_stat_clear_snapshot()")
    return int(
        value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND cardinality(pg_blocking_pids(pid)) > 0"
        )
    )


def wait_for_blocked_sessions(count: int = 1) -> None:
    """Return once that many sessions of this database wait for a lock."""
    wait_until(lambda: blocked_sessions() >= count, f"{count} sessions that wait for a lock")


@contextmanager
def tables_without_constraints(*tables: str) -> Iterator[None]:
    """Shadow tables by copies without keys, checks and triggers, for sessions that ask for them.

    The copies stand in the schema `unguarded`; `SET search_path = unguarded, public` lets the code
    under test run on them unchanged. Controls of race tests use it to show what the keys prevent.
    """
    execute("CREATE SCHEMA unguarded")
    try:
        for table in tables:
            execute(f"CREATE TABLE unguarded.{table} (LIKE public.{table} INCLUDING DEFAULTS INCLUDING IDENTITY)")
            execute(f"INSERT INTO unguarded.{table} SELECT * FROM public.{table}")
        yield
    finally:
        execute("DROP SCHEMA unguarded CASCADE")


def unguarded(function: Callable[[], T]) -> Callable[[], T]:
    """Return the function to run in a session that sees the copies without constraints."""

    def run() -> T:
        execute("SET search_path = unguarded, public")
        return function()

    return run


class Meeting:
    """A point in one thread's work at which it waits until another thread has finished, or waits for it."""

    def __init__(self) -> None:
        self.reached = False
        self.other: Future[Any] | None = None
        self.other_was_done = False

    def after(self, function: Callable[..., T]) -> Callable[..., T]:
        """The function with a pause after its first call."""

        def paused(*args: Any, **kwargs: Any) -> T:
            result = function(*args, **kwargs)
            if not self.reached:
                self.reached = True
                self._pause()
            return result

        return paused

    def _pause(self) -> None:
        wait_until(lambda: self.other is not None, "the other thread")
        other = self.other
        assert other is not None
        wait_until(lambda: other.done() or blocked_sessions() > 0, "the other thread's end or its wait for a lock")
        self.other_was_done = other.done()


def run_across(meeting: Meeting, first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    """Run `first` up to the meeting, then `second` beside it; return what both came to."""
    with in_background(first) as one:
        wait_until(lambda: meeting.reached or one.done(), "the meeting")
        with in_background(second) as meeting.other:
            return one.result(LIMIT_SECONDS), meeting.other.result(LIMIT_SECONDS)
