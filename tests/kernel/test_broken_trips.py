"""Trips that fail: the first error ends the others, nothing is stored of them, and the next call has a session."""

from __future__ import annotations

import signal
import threading

import psycopg
import pytest
from django.db import (
    IntegrityError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from kernel.trips import Statement, execute_together
from tests.database import execute, rows, value
from tests.kernel.notes import OWN_PID, ask, notes, one, prepared, session, stored, write  # noqa: F401 (a fixture)
from tests.threads import in_background, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("notes")]


@pytest.mark.parametrize("commit", [True, False])
def test_the_first_error_is_djangos_and_ends_the_others(commit: bool) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        execute_together(write(1), write(1), write(2), Statement("SELECT 1 / 0"), commit=commit)

    assert caught.value.__cause__.diag.constraint_name == "notes_pkey"  # type: ignore[union-attr]
    assert stored() == []
    assert one("SELECT 1") == 1


def test_after_an_error_a_savepoint_gives_back_what_was_before_it() -> None:
    with transaction.atomic():
        execute_together(write(1))
        with pytest.raises(IntegrityError), transaction.atomic():
            execute_together(write(2), write(1))
        execute_together(write(3), commit=True)

    assert stored() == [1, 3]


def test_a_statement_that_could_not_be_prepared_can_be_sent_again() -> None:
    later = Statement("SELECT count(*) FROM later")
    with pytest.raises(ProgrammingError, match="does not exist"):
        execute_together(Statement("SELECT 1"), later)

    execute("CREATE TABLE later ()")
    assert execute_together(later) == [[(0,)]]
    execute("DROP TABLE later")


def test_what_was_prepared_before_an_error_is_not_prepared_again() -> None:
    execute_together(write(1))
    before = prepared()

    for _ in range(3):
        with pytest.raises(IntegrityError):
            execute_together(Statement("SELECT 'another'"), write(1))

    assert prepared() == before + 1


def test_what_somebody_has_deallocated_is_prepared_again_unseen() -> None:
    ask("SELECT 1")
    execute("DEALLOCATE ALL")
    assert ask("SELECT 1") == [(1,)]

    execute_together(write(1))
    execute("DEALLOCATE ALL")
    with transaction.atomic():
        execute_together(write(2), commit=True)

    assert stored() == [1, 2]


def test_within_a_transaction_it_is_an_error_once() -> None:
    execute_together(write(1))

    with transaction.atomic():
        execute("DEALLOCATE ALL")
        with pytest.raises(ProgrammingError, match="prepared statement"):
            execute_together(write(2))
        transaction.set_rollback(True)
    with transaction.atomic():
        execute_together(write(3), commit=True)

    assert stored() == [1, 3]


def test_a_table_may_get_other_columns() -> None:
    execute_together(write(1))
    assert ask("SELECT * FROM notes") == [(1, "a")]

    execute("ALTER TABLE notes ADD more int DEFAULT 2")
    assert ask("SELECT * FROM notes") == [(1, "a", 2)]

    execute("ALTER TABLE notes DROP more")
    with transaction.atomic():
        execute_together(write(2))
        with pytest.raises(NotSupportedError, match="cached plan"):
            ask("SELECT * FROM notes")
        transaction.set_rollback(True)
    with transaction.atomic():
        assert ask("SELECT * FROM notes") == [(1, "a")]


def let_psycopg_prepare() -> None:
    psycopg.Cursor(session()).execute("SELECT 'its own'", prepare=True)


def test_what_psycopg_deallocates_with_its_own_is_prepared_again() -> None:
    execute_together(write(1))
    let_psycopg_prepare()
    with transaction.atomic():
        value("SELECT 1")
        transaction.set_rollback(True)
    assert prepared() == 0

    # In a transaction that is open already, where a statement that is missing would be an error.
    with transaction.atomic():
        value("SELECT 1")
        execute_together(write(2))
        let_psycopg_prepare()
        with pytest.raises(IntegrityError), transaction.atomic():
            execute_together(write(1))
        execute_together(write(3))

    assert stored() == [1, 2, 3]


def test_what_psycopg_has_not_prepared_stays_after_a_rollback() -> None:
    execute_together(write(1))
    before = prepared()

    with transaction.atomic():
        value("SELECT 1")
        transaction.set_rollback(True)

    assert prepared() == before == 1


@pytest.mark.parametrize("commit", [True, False])
def test_a_session_that_the_server_ends_within_a_trip_is_an_outage_and_the_next_call_has_another(commit: bool) -> None:
    kill = Statement("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(OperationalError), transaction.atomic():
        execute_together(write(1), kill, write(2), commit=commit)

    assert stored() == []
    with transaction.atomic():
        execute_together(write(3), commit=True)
    assert stored() == [3]


def test_a_session_that_was_ended_before_a_trip_is_an_outage_too() -> None:
    pid = one("SELECT pg_backend_pid()")
    with psycopg.connect(session().info.dsn, password=session().info.password) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    with pytest.raises(OperationalError), transaction.atomic():
        execute_together(write(1), commit=True)
    assert connection.connection is None or not connection.connection.closed
    with transaction.atomic():
        execute_together(write(2), commit=True)
    assert stored() == [2]


@pytest.mark.parametrize(
    "limit", ["statement_timeout = '100ms'", "lock_timeout = '100ms'"], ids=["statement", "lock"]
)  # fmt: skip
def test_a_time_limit_in_the_middle_ends_the_trip_and_not_the_session(limit: str) -> None:
    pid = one("SELECT pg_backend_pid()")
    with psycopg.connect(session().info.dsn, password=session().info.password) as other:
        other.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(OperationalError, match="timeout"), transaction.atomic():
            execute_together(Statement(f"SET LOCAL {limit}"), OWN_PID, write(1), OWN_PID, commit=True)

    assert one("SELECT pg_backend_pid()") == pid
    assert stored() == []


def test_each_statement_has_the_whole_time_to_itself() -> None:
    nap = Statement("SELECT pg_sleep(0.4)")
    with transaction.atomic():
        execute_together(Statement("SET LOCAL statement_timeout = '1s'"), nap, nap, nap, write(1), commit=True)

    assert stored() == [1]


class Interrupted(BaseException):
    """What a signal's handler raises."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Interrupted])
def test_who_is_interrupted_while_waiting_closes_the_session(error: type[BaseException]) -> None:
    def interrupt(*_: object) -> None:
        raise error

    def send_it_once_that_waits() -> None:
        asleep = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        wait_until(lambda: rows(asleep), "a session that sleeps")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    opened = session()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with in_background(send_it_once_that_waits), pytest.raises(error), transaction.atomic():
            execute_together(write(1), Statement("SELECT pg_sleep(2)"), write(2), commit=True)
    finally:
        signal.signal(signal.SIGALRM, before)

    assert opened.closed
    assert session() is not opened
    execute_together(write(3))
    assert stored()[-1] == 3


def test_a_commit_that_fails_is_an_error() -> None:
    execute("ALTER TABLE notes ADD before int REFERENCES notes DEFERRABLE INITIALLY DEFERRED")

    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        execute_together(Statement("INSERT INTO notes VALUES (1, 'a', 7)"), commit=True)

    assert caught.value.__cause__.diag.constraint_name == "notes_before_fkey"  # type: ignore[union-attr]
    assert stored() == []
    with pytest.raises(IntegrityError):
        execute_together(Statement("INSERT INTO notes VALUES (1, 'a', 7)"))
    assert stored() == []


def test_so_is_one_that_the_server_turns_into_a_rollback() -> None:
    """As it does where a statement has failed before, and somebody went on regardless."""

    def go_on(commit: bool) -> None:
        with transaction.atomic():
            execute_together(write(1))
            with pytest.raises(IntegrityError):
                execute_together(write(1))
            execute_together(commit=commit)

    with pytest.raises(InternalError, match="rolled back"):
        go_on(commit=True)
    # The control: Django's own COMMIT says nothing.
    go_on(commit=False)

    assert stored() == []
