"""A small table for trips, and what is said to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from kernel.trips import Rows, Statement, execute_together
from tests.database import execute, rows, value

OWN_PID = Statement("SELECT pg_backend_pid()")


@pytest.fixture
def notes() -> Iterator[None]:
    """The table, in a session that is new."""
    connection.close()
    execute("CREATE TABLE notes (id int PRIMARY KEY, note varchar(5) NOT NULL)")
    yield
    execute("DROP TABLE notes")


def write(number: int, note: str | None = "a") -> Statement:
    return Statement("INSERT INTO notes VALUES (%s, %s)", (number, note), is_typed=False)


def ask(text: str, parameters: Any = ()) -> Rows:
    (found,) = execute_together(Statement(text, parameters))
    return found


def one(text: str, *parameters: Any) -> Any:
    return ask(text, parameters)[0][0]


def stored() -> list[int]:
    return [number for (number,) in rows("SELECT id FROM notes ORDER BY id")]


def session() -> psycopg.Connection[Any]:
    connection.ensure_connection()
    found: psycopg.Connection[Any] = connection.connection
    return found


def prepared() -> int:
    return int(value("SELECT count(*) FROM pg_prepared_statements"))
