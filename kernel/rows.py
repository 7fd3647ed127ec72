"""Rows of models by statements that are prepared once: what the ORM would compile anew for every call of an engine.

Reading gives back the models' own objects, related as `prefetch_related` would; writing is an INSERT or UPDATE of one
row. Everything that is asked for rarely is the ORM's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.db import connection, models

from kernel.canonical import load_canonical
from kernel.fields import CanonicalJSONField

M = TypeVar("M", bound=models.Model)


def execute(statement: str, parameters: Any = ()) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run one statement that the server keeps prepared; in the transaction that is open, if one is."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        # Django's own cursor puts parameters in on this side, so that every statement is a new one to the server.
        return psycopg.Cursor(connection.connection).execute(statement.encode(), parameters, prepare=True)


@cache
def json_columns(model: type[models.Model], names: tuple[str, ...] = ()) -> str:
    """SQL for a row of the table alias `t` as a JSON array, for `from_json`; all columns unless some are named."""
    fields = [field for field in model._meta.concrete_fields if not names or field.name in names]  # noqa: SLF001 (documented)
    columns = [f"t.{field.column}{'::text' if isinstance(field, CanonicalJSONField) else ''}" for field in fields]
    return f"json_build_array({', '.join(columns)})"


def read_json(text: str) -> Any:
    """A document of rows, its numbers exact."""
    return json.loads(text, parse_float=Decimal)


@cache
def _readers(
    model: type[models.Model], names: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, Callable[[Any], Any]]]]:
    fields = [field for field in model._meta.concrete_fields if not names or field.name in names]  # noqa: SLF001
    readers = []
    for index, field in enumerate(fields):
        kind: Any = field
        while kind.remote_field is not None:
            kind = kind.target_field
        for base, reader in _READ.items():
            if isinstance(kind, base):
                readers.append((index, reader))
    return [field.attname for field in fields], readers


_READ: dict[type[models.Field[Any, Any]], Callable[[Any], Any]] = {
    models.DecimalField: Decimal,
    models.DateTimeField: datetime.fromisoformat,
    models.UUIDField: UUID,
    CanonicalJSONField: load_canonical,
}


def from_json(model: type[M], values: list[Any], names: tuple[str, ...] = ()) -> M:
    """The stored row whose columns these are, as `json_columns` gave them; other columns are read when asked for."""
    columns, readers = _readers(model, names)
    for index, reader in readers:
        if values[index] is not None:
            values[index] = reader(values[index])
    return model.from_db("default", columns, values)


def relate(row: models.Model, name: str, rows: Sequence[models.Model], model: type[models.Model]) -> None:
    """Let the reverse relation hold these rows from now on, as `prefetch_related` does."""
    found: Any = model._default_manager.all()  # noqa: SLF001 (documented)
    found._result_cache, found._prefetch_done = list(rows), True  # noqa: SLF001 (no public way)
    vars(row).setdefault("_prefetched_objects_cache", {})[name] = found


def add_related(row: models.Model, name: str, added: models.Model) -> None:
    """Let the reverse relation hold one more row, if it was read before."""
    known = vars(row).get("_prefetched_objects_cache", {}).get(name)
    if known is not None:
        known._result_cache.append(added)  # noqa: SLF001 (no public way)


@cache
def _insert(model: type[models.Model]) -> tuple[str, list[models.Field[Any, Any]], models.Field[Any, Any] | None]:
    pk: Any = model._meta.pk  # noqa: SLF001 (documented)
    generated = pk if isinstance(pk, models.AutoField) else None
    fields = [field for field in model._meta.concrete_fields if field is not generated]  # noqa: SLF001
    statement = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(str(field.column) for field in fields)}) "  # noqa: S608, SLF001
        f"VALUES ({', '.join(['%s'] * len(fields))})"
    )
    return f"{statement} RETURNING {pk.column}" if generated else statement, fields, generated


def insert(row: models.Model) -> None:
    """Store a new row, and give it the key that the database has chosen."""
    statement, fields, generated = _insert(type(row))
    cursor = execute(statement, [_parameter(field, row) for field in fields])
    if generated is not None:
        (row.pk,) = cursor.fetchone() or (None,)
    row._state.adding, row._state.db = False, "default"  # noqa: SLF001 (documented)


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, list[models.Field[Any, Any]]]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]  # noqa: SLF001 (documented)
    pk: Any = model._meta.pk  # noqa: SLF001
    columns = ", ".join(f"{field.column} = %s" for field in fields)
    return f"UPDATE {model._meta.db_table} SET {columns} WHERE {pk.column} = %s", [*fields, pk]  # noqa: S608, SLF001


def update(row: models.Model, names: tuple[str, ...]) -> None:
    """Store these columns of a row that exists."""
    statement, fields = _update(type(row), names)
    execute(statement, [_parameter(field, row) for field in fields])


def _parameter(field: Any, row: models.Model) -> Any:
    value = getattr(row, field.attname)
    # A choice is text to the database, whatever enumeration it is written with.
    return str(value) if isinstance(value, str) else field.get_db_prep_save(value, connection)


def keep(row: models.Model, names: tuple[str, ...]) -> None:
    """Store a row that is new, else these columns of it."""
    if row._state.adding:  # noqa: SLF001 (documented)
        insert(row)
    else:
        update(row, names)
