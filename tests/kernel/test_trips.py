"""Statements that wait for others and go to the server together, in their order and in one transaction."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, connections, transaction

from kernel.trips import Trips, execute, transaction_by_trips, trust_quiet_connection
from policies.models import Engine
from tests.database import value

DISABLE = "UPDATE engines SET enabled = false WHERE name = %s"
IS_ENABLED = "SELECT enabled FROM engines WHERE name = %(name)s AND %(name)s <> ''"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    """The statements of each trip."""
    trips: list[list[bytes]] = []
    exchange = Trips._exchange

    def noted(self: Trips, asked: Any, **options: Any) -> None:
        trips.append([answer.statement for answer in asked])
        exchange(self, asked, **options)

    monkeypatch.setattr(Trips, "_exchange", noted)
    return trips


def is_enabled(name: str) -> bool:
    return bool(execute(IS_ENABLED, {"name": name}).rows[0][0])


pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_what_nobody_looks_at_goes_with_the_commit(sent: list[list[bytes]]) -> None:
    with transaction_by_trips():
        execute(DISABLE, ["A"])
        found = execute(IS_ENABLED, {"name": "A"})
        assert found.rows == [(False,)]
        execute(DISABLE, ["B"])

    assert [len(trip) for trip in sent] == [3, 2]
    assert (sent[0][0], sent[1][-1]) == (b"BEGIN", b"COMMIT")
    assert not Engine.objects.filter(enabled=True).exists()


@pytest.mark.django_db(transaction=True)
def test_a_refusal_takes_everything_back_and_sends_nothing_more(sent: list[list[bytes]]) -> None:
    def refuse() -> None:
        with transaction_by_trips():
            execute(DISABLE, ["A"])
            assert not is_enabled("A")
            execute(DISABLE, ["B"])
            raise KeyError

    with pytest.raises(KeyError):
        refuse()

    assert [len(trip) for trip in sent] == [3]
    assert Engine.objects.filter(enabled=True).count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_a_transaction_to_be_rolled_back_nothing_is_committed() -> None:
    with transaction_by_trips():
        execute(DISABLE, ["A"])
        transaction.set_rollback(True)

    assert is_enabled("A")


@pytest.mark.django_db(transaction=True)
def test_the_first_error_is_raised_by_the_end_at_the_latest_and_nothing_stays() -> None:
    def rename() -> None:
        with transaction_by_trips():
            execute(DISABLE, ["A"])
            execute("UPDATE engines SET name = 'C' WHERE name = 'B'")
            execute(DISABLE, ["B"])

    with pytest.raises(IntegrityError, match="engines_"):
        rename()

    assert is_enabled("A")


def test_what_the_orm_does_in_between_keeps_its_place() -> None:
    with transaction_by_trips():
        execute(DISABLE, ["A"])
        assert Engine.objects.get(enabled=False).name == "A"
        Engine.objects.update(enabled=True)
        assert is_enabled("A")


def test_rows_are_told_as_they_come() -> None:
    told: list[Any] = []
    with transaction_by_trips():
        execute(IS_ENABLED, {"name": "A"}, then=told.append)
        assert told == []

    assert told == [[(True,)]]


# What psycopg does when it rolls back after having prepared something itself.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_statements_that_the_server_has_lost_are_prepared_again(in_transaction: bool) -> None:
    def again() -> None:
        with transaction_by_trips():
            assert is_enabled("A")

    again()
    if in_transaction:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("DEALLOCATE ALL")
            again()
    else:
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        again()


@pytest.mark.django_db(transaction=True)
def test_a_pooler_that_cannot_keep_plans_is_spared_them(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)

    assert is_enabled("A")

    assert value("SELECT count(*) FROM pg_prepared_statements") == 0


@pytest.mark.django_db(transaction=True)
def test_a_quiet_connection_is_trusted_and_one_that_the_server_has_closed_is_not() -> None:
    database: Any = connections["default"]
    database.ensure_connection()

    def is_trusted() -> bool:
        database.health_check_done = False
        trust_quiet_connection()
        return bool(database.health_check_done)

    assert is_trusted()
    session = database.connection.info
    with psycopg.connect(session.dsn, password=session.password) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (session.backend_pid,))
    assert not is_trusted()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
