"""Plain SQL in tests: run it, read it, and see what the database refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction


def execute(sql: str, *parameters: Any) -> int:
    """Run a statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return int(cursor.rowcount)


def execute_unguarded(sql: str, *parameters: Any) -> int:
    """Run a statement past the triggers that keep what is stored."""
    execute("SET session_replication_role = replica")
    touched = execute(sql, *parameters)
    execute("SET session_replication_role = DEFAULT")
    return touched


def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def value(sql: str, *parameters: Any) -> Any:
    """Return the first column of the first row."""
    return rows(sql, *parameters)[0][0]


def forget_statistics() -> None:
    """Let PostgreSQL plan, until the test ends, as for tables that have grown: some hundred rows at the least.

    Earlier tests commit rows and delete them, and autovacuum may have counted between the two. Of a table of one row
    the planner considers no bitmap of an index that gives the order as well.
    """
    execute("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relnamespace = 'public'::regnamespace")
    execute("DELETE FROM pg_statistic WHERE starelid >= 16384")


def insert(table: str, row: dict[str, Any]) -> int:
    """Insert one row by hand, past models and services."""
    names = ", ".join(f'"{name}"' for name in row)
    return execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(row))})", *row.values())


def row_of(table: str, **where: Any) -> dict[str, Any]:
    """Return the one row that matches, by column name; json columns as text."""
    conditions = " AND ".join(f"{name} = %s" for name in where)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE {conditions}", tuple(where.values()))
        names = [column.name for column in cursor.description or ()]
        (row,) = cursor.fetchall()
    return dict(zip(names, row, strict=True))


def refusal_of(statement: str, parameters: Sequence[Any] = ()) -> str:
    """Run a statement the database must refuse; return the constraint's name, or the trigger's message."""
    with transaction.atomic():
        # Django's own foreign keys would else speak up at the end of the test only.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            execute(statement, *parameters)
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.IntegrityError)
    return cause.diag.constraint_name or str(cause.diag.message_primary)


def refusal_of_row(table: str, row: dict[str, Any]) -> str:
    """Insert a row the database must refuse; return the constraint's name."""
    names = ", ".join(f'"{name}"' for name in row)
    return refusal_of(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(row))})", tuple(row.values()))
