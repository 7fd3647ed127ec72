"""Rows of models by statements that are prepared once: what the ORM would compile anew for every call of an engine.

Reading gives back the models' own objects, related as `prefetch_related` would; writing is an INSERT or UPDATE of one
row. Everything that is asked for rarely is the ORM's.
"""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.db import connections, models
from django.db.models.base import ModelState

from kernel.canonical import canonical_json, load_canonical
from kernel.fields import CanonicalJSONField

M = TypeVar("M", bound=models.Model)


def execute(statement: str, parameters: Any = ()) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run one statement that the server keeps prepared; in the transaction that is open, if one is."""
    # Looked up once: `django.db.connection` looks for the thread's own with every attribute.
    database = connections["default"]
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        # Django's own cursor puts parameters in on this side, so that every statement is a new one to the server.
        return psycopg.Cursor(database.connection).execute(statement.encode(), parameters, prepare=True)


@contextmanager
def in_one_trip() -> Iterator[None]:
    """Send the block's statements together, unless one of them is asked for its result before the end.

    Each sees what was committed before its own turn, as if they had been sent one by one; the first error ends all.
    """
    database: Any = connections["default"]
    database.ensure_connection()
    with database.wrap_database_errors, database.connection.pipeline():
        yield


def trust_quiet_connection() -> None:
    """Spare the thread's connection the `SELECT 1` that Django sends before a call's first statement.

    A server that has gone has closed its end, which the socket tells without a trip; Django asks only then.
    """
    database: Any = connections["default"]
    opened = database.connection
    if opened is None or opened.closed or database.health_check_done:
        return
    socket = select.poll()
    socket.register(opened.fileno(), select.POLLIN)
    database.health_check_done = not socket.poll(0)


@cache
def json_columns(model: type[models.Model], names: tuple[str, ...] = ()) -> str:
    """SQL for a row of the table alias `t` as a JSON array, for `from_json`; all columns unless some are named."""
    fields = [field for field in model._meta.concrete_fields if not names or field.name in names]  # noqa: SLF001 (documented)
    columns = [f"t.{field.column}{'::text' if isinstance(field, CanonicalJSONField) else ''}" for field in fields]
    return f"json_build_array({', '.join(columns)})"


_EXACT = json.JSONDecoder(parse_float=Decimal)


def read_json(text: str) -> Any:
    """A document of rows, its numbers exact."""
    return _EXACT.decode(text)


Convert = Callable[[Any], Any]


@cache
def _readers(model: type[models.Model], names: tuple[str, ...]) -> list[tuple[str, Convert | None]]:
    fields = [field for field in model._meta.concrete_fields if not names or field.name in names]  # noqa: SLF001
    return [(field.attname, _converter(field, _READ)) for field in fields]


def _converter(field: Any, known: dict[type[models.Field[Any, Any]], Convert]) -> Convert | None:
    """What the kind of field is read or written by; a key of another table is what it refers to."""
    while field.remote_field is not None:
        field = field.target_field
    return next((convert for kind, convert in known.items() if isinstance(field, kind)), None)


_READ: dict[type[models.Field[Any, Any]], Convert] = {
    models.DecimalField: Decimal,
    models.DateTimeField: datetime.fromisoformat,
    # Most rows of an experiment name the same few.
    models.UUIDField: lru_cache(maxsize=10_000)(UUID),
    CanonicalJSONField: load_canonical,
}
# psycopg writes all other values of a row as they are.
_WRITE: dict[type[models.Field[Any, Any]], Convert] = {
    # A choice is text to the database, whatever enumeration it is written with.
    models.CharField: str,
    models.TextField: str,
    CanonicalJSONField: lambda document: canonical_json(document).decode(),
}


def from_json(model: type[M], values: list[Any], names: tuple[str, ...] = ()) -> M:
    """The stored row whose columns these are, as `json_columns` gave them; other columns are read when asked for."""
    # What `Model.from_db` comes to, without its look at every field of the model for every row.
    row = model.__new__(model)
    stored = vars(row)
    stored["_state"] = state = ModelState()
    state.adding, state.db = False, "default"
    for (name, read), value in zip(_readers(model, names), values, strict=True):
        stored[name] = value if read is None or value is None else read(value)
    vars(state)["stored"] = stored.copy()
    return row


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
def _insert(model: type[models.Model]) -> tuple[str, list[tuple[str, Convert | None]], bool]:
    pk: Any = model._meta.pk  # noqa: SLF001 (documented)
    is_generated = isinstance(pk, models.AutoField)
    fields = [field for field in model._meta.concrete_fields if not (is_generated and field is pk)]  # noqa: SLF001
    statement = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(str(field.column) for field in fields)}) "  # noqa: S608, SLF001
        f"VALUES ({', '.join(['%s'] * len(fields))})"
    )
    return f"{statement} RETURNING {pk.column}" if is_generated else statement, _written(fields), is_generated


def _written(fields: list[Any]) -> list[tuple[str, Convert | None]]:
    return [(field.attname, _converter(field, _WRITE)) for field in fields]


def insert(row: models.Model) -> None:
    """Store a new row, and give it the key that the database has chosen."""
    statement, fields, is_generated = _insert(type(row))
    cursor = execute(statement, _parameters(fields, row))
    if is_generated:
        (row.pk,) = cursor.fetchone() or (None,)
    state = row._state  # noqa: SLF001 (documented)
    state.adding, state.db = False, "default"
    vars(state)["stored"] = vars(row).copy()


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, list[tuple[str, Convert | None]]]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]  # noqa: SLF001 (documented)
    pk: Any = model._meta.pk  # noqa: SLF001
    columns = ", ".join(f"{field.column} = %s" for field in fields)
    return f"UPDATE {model._meta.db_table} SET {columns} WHERE {pk.column} = %s", _written([*fields, pk])  # noqa: S608, SLF001


def update(row: models.Model, names: tuple[str, ...]) -> None:
    """Store these columns of a row that exists; of one that was read or stored here, those that have changed since.

    What changes of a document, such as a list of flags, is a document of its own: the one that was read stays as it is.
    """
    stored = vars(row._state).get("stored")  # noqa: SLF001 (documented)
    if stored is not None:
        current = vars(row)
        names = tuple([name for name in names if current[name] != stored[name]])
        if not names:
            return
        stored.update([(name, current[name]) for name in names])
    statement, fields = _update(type(row), names)
    execute(statement, _parameters(fields, row))


def _parameters(fields: list[tuple[str, Convert | None]], row: models.Model) -> list[Any]:
    found = [(getattr(row, name), write) for name, write in fields]
    return [value if write is None or value is None else write(value) for value, write in found]


def keep(row: models.Model, names: tuple[str, ...]) -> None:
    """Store a row that is new, else these columns of it."""
    if row._state.adding:  # noqa: SLF001 (documented)
        insert(row)
    else:
        update(row, names)
