"""Prepared statements that are sent together: a caller waits for one trip, however many statements it has.

By libpq's pipeline as psycopg wraps it (psycopg.pq). psycopg's own pipeline would send each statement by itself, and
make a cursor of each, which takes more processor time than most of the calls that this is for have in all (ADR 4).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

import psycopg
from django.db import connections
from psycopg import errors, pq
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.types.datetime import TimestamptzLoader
from psycopg.waiting import Ready, Wait

Rows = list[tuple[Any, ...]]
_PARAMETER = re.compile(r"%(?:%|s|\((\w+)\)s)")


class Statement(NamedTuple):
    """SQL with psycopg's placeholders, and what stands for them.

    `is_typed`: the server learns the types of the values; else it takes those of the columns that they are written to,
    so that a NULL does not make another statement of it.
    """

    text: str
    parameters: Sequence[Any] | Mapping[str, Any] = ()
    is_typed: bool = True


_Key = tuple[bytes, tuple[int, ...]]


class _Session:
    """What is known of one connection: how values are read and written there, and what its server has prepared."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.adapters = AdaptersMap(connection.adapters)
        # Django's own is written in Python; what both read is the same instant in UTC.
        self.adapters.register_loader("timestamptz", TimestamptzLoader)
        self.transformer = Transformer(self)
        self.prepared: dict[_Key, bytes] = {}
        self.numbers = count()


def execute_together(*statements: Statement, commit: bool = False) -> list[Rows]:
    """The rows of each statement, after one trip for all; the first that fails is raised, and ends the others.

    Each sees what was committed before its own turn, as if they had been sent one by one. `commit` ends the open
    transaction in the same trip, if all went well.
    """
    # Looked up once: `django.db.connection` looks for the thread's own with every attribute.
    database: Any = connections["default"]
    database.ensure_connection()
    database.validate_no_broken_transaction()
    connection: psycopg.Connection[Any] = database.connection
    known = vars(connection)
    session: _Session = known.get("session") or known.setdefault("session", _Session(connection))
    with database.wrap_database_errors:
        begins = not connection.autocommit and connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
        if not statements and (begins or not commit):
            return []
        try:
            results = _trip(connection, session, statements, begins=begins, commits=commit)
        except errors.InvalidSqlStatementName:
            # DEALLOCATE ALL, or a pooler that shares sessions: what was prepared is not there any more.
            session.prepared.clear()
            if not begins:
                raise
            # Nothing has happened yet but BEGIN.
            connection.rollback()
            results = _trip(connection, session, statements, begins=True, commits=commit)
        return [_rows(session, result) for result in results]


def _trip(
    connection: psycopg.Connection[Any],
    session: _Session,
    statements: Sequence[Statement],
    *,
    begins: bool,
    commits: bool,
) -> list[pq.abc.PGresult]:
    """Send everything and wait for it: the statements' results; raise the first error."""
    pgconn = connection.pgconn
    wanted: list[bool] = []
    prepared: list[_Key] = []
    try:
        pgconn.enter_pipeline_mode()
        if begins:
            pgconn.send_query_params(b"BEGIN", None)
            wanted.append(False)
        for statement in statements:
            key = _send(pgconn, session, statement, prepares=connection.prepare_threshold is not None)
            if key is not None:
                prepared.append(key)
                wanted.append(False)
            wanted.append(True)
        if commits:
            pgconn.send_query_params(b"COMMIT", None)
            wanted.append(False)
        pgconn.pipeline_sync()
        results = connection.wait(_receive(pgconn))
        pgconn.exit_pipeline_mode()
    except BaseException:
        # What was sent may still be on its way: nobody can use this session any more.
        connection.close()
        raise
    if (last := results[-1]).status == pq.ExecStatus.FATAL_ERROR:
        for key in prepared:
            session.prepared.pop(key, None)
        raise errors.error_from_result(last)
    return [result for result, is_wanted in zip(results, wanted, strict=True) if is_wanted]


def _send(pgconn: pq.abc.PGconn, session: _Session, statement: Statement, *, prepares: bool) -> _Key | None:
    """Send one statement; under which key it is prepared, if that is done by this trip."""
    text, names = _converted(statement.text)
    found: Any = statement.parameters
    values: Sequence[Any] = found if names is None else [found[name] for name in names]
    transformer = session.transformer
    written = transformer.dump_sequence(values, [PyFormat.TEXT] * len(values))
    types = transformer.types if statement.is_typed and transformer.types else (0,) * len(values)
    if not prepares:
        pgconn.send_query_params(text, written, types)
        return None
    key = text, types
    name = session.prepared.get(key)
    if name is not None:
        pgconn.send_query_prepared(name, written)
        return None
    name = session.prepared[key] = b"trip_%d" % next(session.numbers)
    pgconn.send_prepare(name, text, types)
    pgconn.send_query_prepared(name, written)
    return key


@lru_cache(maxsize=1_000)
def _converted(text: str) -> tuple[bytes, tuple[str, ...] | None]:
    """The statement as the server reads it, and the parameters' names in its order; None for those without a name."""
    names: list[str | None] = []

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        names.append(found[1])
        return f"${len(names)}"

    converted = _PARAMETER.sub(number, text).encode()
    return converted, tuple(name for name in names if name is not None) or None


def _receive(pgconn: pq.abc.PGconn) -> Generator[Wait, Ready | int, list[pq.abc.PGresult]]:
    """Wait for the end of the trip, as psycopg's connections wait: a result of each command, up to the first error."""
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    results: list[pq.abc.PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            continue
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            return results
        if result.status != pq.ExecStatus.PIPELINE_ABORTED:
            results.append(result)


def _rows(session: _Session, result: pq.abc.PGresult) -> Rows:
    if result.status != pq.ExecStatus.TUPLES_OK:
        return []
    session.transformer.set_pgresult(result)
    rows: Rows = session.transformer.load_rows(0, result.ntuples, tuple)
    return rows
