"""Statements that are sent together: what is sent, what comes back, and what stays prepared."""

from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import (
    DataError,
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from psycopg.pq import TransactionStatus

from kernel import trips
from kernel.trips import Statement, execute_together
from tests.kernel.notes import OWN_PID, ask, notes, one, prepared, session, stored, write  # noqa: F401 (a fixture)
from tests.threads import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("notes")]


def test_each_statement_has_its_rows_and_sees_those_before_it() -> None:
    with transaction.atomic():
        found = execute_together(
            write(1), Statement("SELECT id, note FROM notes"), write(2), Statement("SELECT count(*) FROM notes")
        )

    assert found == [[], [(1, "a")], [], [(2,)]]
    assert stored() == [1, 2]


def test_without_a_transaction_a_trip_is_one_of_its_own() -> None:
    execute_together(write(1), write(2))
    with pytest.raises(IntegrityError):
        execute_together(write(3), write(1))

    assert stored() == [1, 2]


def test_a_trip_can_end_the_transaction_and_django_ends_nothing_then() -> None:
    with transaction.atomic():
        execute_together(write(1), commit=True)
        assert session().pgconn.transaction_status == TransactionStatus.IDLE

    with transaction.atomic():
        execute_together(write(2))
        execute_together(commit=True)
        assert session().pgconn.transaction_status == TransactionStatus.IDLE

    assert stored() == [1, 2]


def test_nothing_is_sent_of_a_transaction_without_a_statement() -> None:
    with transaction.atomic():
        assert execute_together(commit=True) == []
        assert session().pgconn.transaction_status == TransactionStatus.IDLE


def test_after_so_many_statements_the_others_are_not_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trips, "MOST_PREPARED", 3)

    assert [one(f"SELECT {number}") for number in range(6)] == list(range(6))
    assert [one(f"SELECT {number} + %s", 1) for number in range(6)] == list(range(1, 7))

    assert prepared() == 3


def test_a_pooler_gets_nothing_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session(), "prepare_threshold", None)

    with transaction.atomic():
        execute_together(write(1), Statement("SELECT %(x)s::int + %(x)s::int", {"x": 1}), commit=True)

    assert stored() == [1]
    assert prepared() == 0


@pytest.mark.parametrize("is_typed", [True, False])
def test_text_with_nul_is_refused_and_never_cut(is_typed: bool) -> None:
    pid = one("SELECT pg_backend_pid()")
    for text in ("\0", "a\0b", "a\0", "\0a"):
        for sent in (text, [text], ["a", text]):
            with pytest.raises(DataError, match="NUL"), transaction.atomic():
                execute_together(write(1), Statement("SELECT %s", (sent,), is_typed))

    assert stored() == []
    assert one("SELECT pg_backend_pid()") == pid


def test_what_cannot_be_written_leaves_the_session_and_the_transaction_as_they_are() -> None:
    with transaction.atomic():
        execute_together(write(1))
        with pytest.raises(ProgrammingError, match="adapt"):
            execute_together(write(2), Statement("SELECT %s", (object(),)))
        with pytest.raises(KeyError, match="x"):
            execute_together(write(2), Statement("SELECT %(x)s", {"y": 1}))
        execute_together(write(3), commit=True)

    assert stored() == [1, 3]


@pytest.mark.parametrize("note", ["123456", "12345 6"])
def test_a_value_that_takes_its_type_from_the_column_is_as_little_cut(note: str) -> None:
    with pytest.raises(DataError, match="too long"):
        execute_together(write(1, note))


def test_placeholders_are_psycopgs() -> None:
    assert ask("SELECT %s, '100 %%', %s", (1, "%s")) == [(1, "100 %", "%s")]
    assert ask("SELECT %(b)s, %(a)s, '%%(a)s', %(b)s", {"a": "%(b)s", "b": 2}) == [(2, "%(b)s", "%(a)s", 2)]
    # Sent twice it would be of no known type here, and another value to GROUP BY.
    assert ask("SELECT %(x)s::int, %(x)s IS NULL", {"x": None}) == [(None, True)]
    assert ask("SELECT id %% %(x)s::int FROM notes GROUP BY id %% %(x)s::int", {"x": 2}) == []


VALUES = [
    *(None, True, False, 0, -1, 2**31, 2**63 - 1, 1.5, "", "ä\n'\"\\", "{}", "null", b"\0\xff"),
    *(Decimal("0.10"), Decimal(-100000000000000000000), Decimal("1E-20")),
    *(datetime(2026, 7, 1, 12, 30, 0, 123456, UTC), UUID(int=5), timedelta(days=-1, microseconds=1)),
    *([], [1, 2], ["a", 'b"', None, "{,}"], [UUID(int=1)], [Decimal("1.10")]),
]
TYPES: dict[type, str] = {
    bool: "boolean", int: "bigint", float: "float8", str: "text", bytes: "bytea", Decimal: "numeric",
    datetime: "timestamptz", UUID: "uuid", timedelta: "interval",
}  # fmt: skip


def type_of(each: Any) -> str:
    if isinstance(each, list):
        return f"{type_of(each[0]) if each else 'text'}[]"
    return TYPES.get(type(each), "text")


@pytest.mark.parametrize("is_typed", [True, False])
def test_a_value_comes_back_as_it_was_sent_and_as_psycopg_would_send_it(is_typed: bool) -> None:
    for each in VALUES:
        text = f"SELECT %s::{type_of(each)}"
        (found,) = execute_together(Statement(text, (each,), is_typed))

        assert str(found) == str([(each,)])
        assert found == psycopg.Cursor(session()).execute(text.encode(), (each,), prepare=False).fetchall()


def test_a_document_is_stored_as_it_was_written() -> None:
    document = '{"b": 1.10, "a": "\\u00e4 %s {} \\""}'

    assert ask("SELECT %s::json::text, %s::json", (document, document)) == [(document, {"b": 1.1, "a": 'ä %s {} "'})]


def test_a_null_makes_another_statement_only_where_types_are_told() -> None:
    before = prepared()
    for note in ("a", None):
        with pytest.raises(IntegrityError):
            execute_together(write(1, note), write(1, note))
    assert prepared() == before + 1


def test_large_values_both_ways_do_not_block() -> None:
    large = "ä" * 2_600_000

    found = execute_together(*[Statement("SELECT %s", (large,)) for _ in range(2)], Statement("SELECT 1"))

    assert found == [[(large,)]] * 2 + [[(1,)]]


def test_threads_have_sessions_of_their_own() -> None:
    def work(start: int) -> Any:
        def run() -> int:
            for number in range(start, start + 50):
                with transaction.atomic():
                    (_, ((pid,),)) = execute_together(write(number), OWN_PID, commit=True)
            return int(pid)

        return run

    first, second = together(work(100), work(200))

    assert first != second
    assert stored() == [*range(100, 150), *range(200, 250)]


def test_a_session_that_is_closed_leaves_nothing_behind() -> None:
    execute_together(write(1))
    opened = weakref.ref(session())
    known = weakref.ref(vars(connections["default"])["session"])
    gc.disable()
    try:
        connection.close()
        execute_together(write(2))
        assert opened() is None
        assert known() is None
    finally:
        gc.enable()


def test_a_statement_can_be_prepared_by_any_name() -> None:
    marks = [uuid4().hex for _ in range(20)]

    found = execute_together(*[Statement(f"SELECT '{mark}'") for mark in marks * 2])

    assert found == [[(mark,)] for mark in marks * 2]
    assert prepared() == 20
