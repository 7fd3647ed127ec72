"""Rows of models by statements that are prepared once: what the ORM would compile anew for every call of an engine.

Reading gives back the models' own objects, related as `prefetch_related` would; writing is an INSERT or UPDATE of one
row. Everything that is asked for rarely is the ORM's.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections, models, transaction
from django.db.models.base import ModelState

from kernel.canonical import canonical_json, load_canonical
from kernel.event_lines import lines_together
from kernel.fields import CanonicalJSONField
from kernel.trips import Rows, Statement, execute_together

M = TypeVar("M", bound=models.Model)


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
    # As text, because a decimal that were a number there would be read as a double.
    columns = [f"t.{field.column}{'::text' if isinstance(field, models.DecimalField) else ''}" for field in fields]
    return f"json_build_array({', '.join(columns)})"


def read_json(text: str) -> Any:
    """A document of rows; the canonical documents in them are read with it."""
    return load_canonical(text)


Convert = Callable[[Any], Any]


@cache
def _readers(model: type[models.Model], names: tuple[str, ...]) -> tuple[list[str], list[tuple[str, Convert]]]:
    """The attributes of the columns, and those of them that JSON gives in another form."""
    fields = [field for field in model._meta.concrete_fields if not names or field.name in names]  # noqa: SLF001
    converted = [(field.attname, read) for field in fields if (read := _converter(field, _READ)) is not None]
    return [field.attname for field in fields], converted


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
    attributes, converted = _readers(model, names)
    stored.update(zip(attributes, values, strict=True))
    for name, read in converted:
        if (value := stored[name]) is not None:
            stored[name] = read(value)
    vars(state)["stored"] = stored.copy()
    return row


@cache
def _all(model: type[models.Model]) -> models.QuerySet[models.Model]:
    return model._default_manager.all()  # noqa: SLF001 (documented)


@cache
def _defaults(model: type[models.Model]) -> list[tuple[str, Callable[[], Any]]]:
    return [(field.attname, field.get_default) for field in model._meta.concrete_fields]  # noqa: SLF001 (documented)


def new_row(model: type[M], **values: Any) -> M:
    """A new row, as the model's constructor makes it, without its look at every field; relations are given as rows."""
    row = model.__new__(model)
    current = vars(row)
    current["_state"] = ModelState()
    for name, default in _defaults(model):
        current[name] = values.pop(name) if name in values else default()
    for name, to in values.items():
        if name == "pk" or to is None:
            setattr(row, name, to)
        else:
            refer(row, name, to)
    return row


def relate(row: models.Model, name: str, rows: Sequence[models.Model], model: type[models.Model]) -> None:
    """Let the reverse relation hold these rows from now on, as `prefetch_related` does."""
    found: Any = models.QuerySet.__new__(models.QuerySet)
    # The query itself is nobody's: whoever narrows it copies it first.
    vars(found).update(vars(_all(model)), _result_cache=list(rows), _prefetch_done=True)
    vars(row).setdefault("_prefetched_objects_cache", {})[name] = found


def add_related(row: models.Model, name: str, added: models.Model) -> None:
    """Let the reverse relation hold one more row, if it was read before."""
    known = vars(row).get("_prefetched_objects_cache", {}).get(name)
    if known is not None:
        known._result_cache.append(added)  # noqa: SLF001 (no public way)


def related(row: models.Model, name: str) -> Sequence[Any]:
    """The rows of the reverse relation: those that it was told to hold, else the stored ones; not to be changed."""
    known = vars(row).get("_prefetched_objects_cache", {}).get(name)
    found: Sequence[Any] = list(getattr(row, name).all()) if known is None else known._result_cache  # noqa: SLF001
    return found


@cache
def _reference(model: type[models.Model], name: str) -> tuple[str, str | None]:
    """The column of a key of another table, and what that row calls this one, where there can be but one."""
    field: Any = model._meta.get_field(name)  # noqa: SLF001 (documented)
    return field.attname, field.remote_field.cache_name if field.one_to_one else None


def refer(row: models.Model, name: str, to: models.Model) -> None:
    """Let the row refer to another, as an assignment does, without its look at routers and types."""
    column, back = _reference(type(row), name)
    vars(row)[column] = to.pk
    # As Django keeps them.
    row._state.fields_cache[name] = to  # noqa: SLF001
    if back is not None:
        to._state.fields_cache[back] = row  # noqa: SLF001


@cache
def _insert(model: type[models.Model], *, with_key: bool) -> tuple[str, list[tuple[str, Convert | None]]]:
    pk: Any = model._meta.pk  # noqa: SLF001 (documented)
    fields = [field for field in model._meta.concrete_fields if with_key or field is not pk]  # noqa: SLF001
    statement = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(str(field.column) for field in fields)}) "  # noqa: S608, SLF001
        f"VALUES ({', '.join(['%s'] * len(fields))})"
    )
    return statement if with_key else f"{statement} RETURNING {pk.column}", _written(fields)


def _written(fields: list[Any]) -> list[tuple[str, Convert | None]]:
    return [(field.attname, _converter(field, _WRITE)) for field in fields]


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, list[tuple[str, Convert | None]]]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]  # noqa: SLF001 (documented)
    pk: Any = model._meta.pk  # noqa: SLF001
    columns = ", ".join(f"{field.column} = %s" for field in fields)
    return f"UPDATE {model._meta.db_table} SET {columns} WHERE {pk.column} = %s", _written([*fields, pk])  # noqa: S608, SLF001


def _parameters(fields: list[tuple[str, Convert | None]], row: models.Model) -> list[Any]:
    current = vars(row)
    found = [(current[name], write) for name, write in fields]
    return [value if write is None or value is None else write(value) for value, write in found]


class _Unit:
    """What a unit of work has still to write: each row once, in the order in which it was first named."""

    def __init__(self) -> None:
        # By identity, as keys of the database may be missing yet; columns of a row that is stored already, else None.
        self.rows: dict[int, tuple[models.Model, tuple[str, ...] | None]] = {}

    def add(self, row: models.Model, names: tuple[str, ...] | None) -> None:
        """Write the row, or more columns of it."""
        _, known = self.rows.get(id(row), (row, ()))
        self.rows[id(row)] = row, None if known is None or names is None else (*known, *names)

    def write(self, *more: Statement, commit: bool = False) -> list[Rows]:
        """Write everything, each row as it is now, and then do more, in one trip; the rows of what is more."""
        rows, self.rows = list(self.rows.values()), {}
        written = [(row, names, statement) for row, names in rows if (statement := _writing(row, names)) is not None]
        results = execute_together(*(statement for _, _, statement in written), *more, commit=commit)
        for (row, names, _), result in zip(written, results, strict=False):
            if result:
                (row.pk,) = result[0]
            row._state.adding, row._state.db = False, "default"  # noqa: SLF001 (documented)
            if commit:
                # Hardly anybody writes it again: then all that he names, whatever it was.
                vars(row._state).pop("stored", None)  # noqa: SLF001
            else:
                _note_written(row, names)
        return results[len(written) :]


def _writing(row: models.Model, names: tuple[str, ...] | None) -> Statement | None:
    """The INSERT of a new row, or the UPDATE of what has changed of these columns; None where nothing has."""
    if names is None:
        statement, fields = _insert(type(row), with_key=row.pk is not None)
    else:
        stored = vars(row._state).get("stored")  # noqa: SLF001 (documented)
        current = vars(row)
        changed = tuple(sorted({name for name in names if stored is None or current[name] != stored[name]}))
        if not changed:
            return None
        statement, fields = _update(type(row), changed)
    return Statement(statement, _parameters(fields, row), is_typed=False)


def _note_written(row: models.Model, names: tuple[str, ...] | None) -> None:
    state, current = row._state, vars(row)  # noqa: SLF001 (documented)
    if names is None:
        vars(state)["stored"] = current.copy()
    elif (stored := vars(state).get("stored")) is not None:
        stored.update([(name, current[name]) for name in names])


# Of this thread, as its connection is.
_current: Any = threading.local()


@contextmanager
def unit_of_work() -> Iterator[None]:
    """A transaction whose rows are written together with its COMMIT, in one trip: each once, as it is at the end.

    What is asked in between, by `execute` or by the ORM, is asked after what was to be written before, and sees it.
    """
    database: Any = connections["default"]
    around = getattr(_current, "unit", None)
    with lines_together(), transaction.atomic(), database.execute_wrapper(_write_first):
        _current.unit = unit = _Unit()
        try:
            yield
            # A block that is to be rolled back, or is a part of another, ends as Django ends it.
            if not database.needs_rollback:
                unit.write(commit=len(database.atomic_blocks) == 1)
        finally:
            _current.unit = around


def _write_first(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 (Django's)
    unit = _current.unit
    if str(sql).startswith("ROLLBACK TO SAVEPOINT"):
        # What waits was named after the savepoint, before which all else was written.
        unit.rows.clear()
    elif unit.rows:
        unit.write()
    return execute(sql, params, many, context)


def ask(*statements: Statement) -> list[Rows]:
    """The rows of statements that are sent together, after what the unit of work has to write."""
    unit = getattr(_current, "unit", None)
    return execute_together(*statements) if unit is None else unit.write(*statements)


def execute(statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:
    """The rows of one statement that the server keeps prepared; in the transaction that is open, if one is."""
    (rows,) = ask(Statement(statement, parameters))
    return rows


def look(statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:
    """`execute`, without writing first what the unit of work has to write: of tables that no unit writes."""
    (rows,) = execute_together(Statement(statement, parameters))
    return rows


def insert(row: models.Model) -> None:
    """Store a new row, and give it the key that the database has chosen unless it has one; at once, or with its unit.

    In a unit of work it has no such key before the unit is written.
    """
    _write(row, None)


def update(row: models.Model, names: tuple[str, ...]) -> None:
    """Store these columns of a row that exists; of one that was read or stored here, those that have changed since.

    What changes of a document, such as a list of flags, is a document of its own: the one that was read stays as it is.
    """
    _write(row, names)


def keep(row: models.Model, names: tuple[str, ...]) -> None:
    """Store a row that is new, else these columns of it."""
    _write(row, None if row._state.adding else names)  # noqa: SLF001 (documented)


def _write(row: models.Model, names: tuple[str, ...] | None) -> None:
    unit = getattr(_current, "unit", None)
    now = unit is None
    unit = unit or _Unit()
    unit.add(row, names)
    if now:
        unit.write()
