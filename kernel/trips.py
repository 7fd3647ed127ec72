"""Prepared statements that are sent together: a caller waits for one trip, however many statements it has.

By libpq's pipeline as psycopg wraps it (psycopg.pq). psycopg's own pipeline would send each statement by itself, and
make a cursor of each, which takes more processor time than the rules that a call is judged by (ADR 19).
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
# A statement that is not one of so many is sent without being prepared: a server keeps every one until a session ends.
MOST_PREPARED = 200


class _Session:
    """What is known of one connection: how values are read and written there, and what its server has prepared."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.adapters = AdaptersMap(connection.adapters)
        # Django's own is written in Python; what both read is the same instant in UTC.
        self.adapters.register_loader("timestamptz", TimestamptzLoader)
        self.transformer = Transformer(self)
        self.prepared = prepared = dict[_Key, bytes]()
        self.numbers = count()
        # After a rollback psycopg forgets what it has prepared itself, by DEALLOCATE ALL: ours is gone with it.
        manager: Any = connection._prepared  # noqa: SLF001 (no public way)
        clear = manager.clear

        def clear_all() -> bool:
            deallocates: bool = clear()
            if deallocates:
                prepared.clear()
            return deallocates

        manager.clear = clear_all


class _Written(NamedTuple):
    """A statement as it is sent."""

    text: bytes
    types: tuple[int, ...]
    values: Sequence[Any]


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
    session: _Session | None = vars(database).get("session")
    if session is None or session.connection is not connection:
        session = database.session = _Session(connection)
    with database.wrap_database_errors:
        is_idle = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
        begins = is_idle and not connection.autocommit
        if not statements and (begins or not commit):
            return []
        # Before anything is sent: a value that cannot be written leaves the session as it is.
        written = [_written(session, statement) for statement in statements]
        try:
            results = _trip(session, written, begins=begins, commits=commit)
        except (errors.InvalidSqlStatementName, errors.FeatureNotSupported):
            # What was prepared is not there any more, by DEALLOCATE ALL or a pooler that shares sessions; or it has
            # other columns now.
            session.prepared.clear()
            if not is_idle:
                raise
            # Nothing has happened yet but BEGIN.
            connection.rollback()
            results = _trip(session, written, begins=begins, commits=commit)
        return [_rows(session, result) for result in results]


def _written(session: _Session, statement: Statement) -> _Written:
    text, names = _converted(statement.text)
    found: Any = statement.parameters
    values: Sequence[Any] = found if names is None else [found[name] for name in names]
    transformer = session.transformer
    written = transformer.dump_sequence(values, [PyFormat.TEXT] * len(values))
    types = transformer.types if statement.is_typed and transformer.types else (0,) * len(values)
    return _Written(text, types, written)


def _trip(session: _Session, statements: Sequence[_Written], *, begins: bool, commits: bool) -> list[pq.abc.PGresult]:
    """Send everything and wait for it: the statements' results; raise the first error."""
    connection = session.connection
    pgconn = connection.pgconn
    # What each result will be of: the statement that is prepared, or whether its rows are asked for.
    sent: list[_Key | bool] = []
    try:
        pgconn.enter_pipeline_mode()
        if begins:
            pgconn.send_query_params(b"BEGIN", None)
            sent.append(False)
        for statement in statements:
            key = _send(session, statement)
            if key is not None:
                sent.append(key)
            sent.append(True)
        if commits:
            pgconn.send_query_params(b"COMMIT", None)
            sent.append(False)
        pgconn.pipeline_sync()
        results = connection.wait(_receive(pgconn))
        pgconn.exit_pipeline_mode()
    except BaseException:
        # What was sent may still be on its way: nobody can use this session any more.
        connection.close()
        raise
    if (last := results[-1]).status == pq.ExecStatus.FATAL_ERROR:
        for of in sent[len(results) - 1 :]:
            if isinstance(of, tuple):
                session.prepared.pop(of, None)
        raise errors.error_from_result(last)
    if commits and last.command_status != b"COMMIT":
        # So the server answers where a statement has failed before, and somebody went on regardless.
        raise errors.InFailedSqlTransaction("The transaction was rolled back: one of its statements has failed.")
    return [result for result, of in zip(results, sent, strict=True) if of is True]


def _send(session: _Session, statement: _Written) -> _Key | None:
    """Send one statement; under which key it is prepared, if that is done by this trip."""
    pgconn = session.connection.pgconn
    text, types, values = statement
    key = text, types
    name = session.prepared.get(key)
    if name is not None:
        pgconn.send_query_prepared(name, values)
        return None
    if session.connection.prepare_threshold is None or len(session.prepared) >= MOST_PREPARED:
        pgconn.send_query_params(text, values, types)
        return None
    name = session.prepared[key] = b"trip_%d" % next(session.numbers)
    pgconn.send_prepare(name, text, types)
    pgconn.send_query_prepared(name, values)
    return key


@lru_cache(maxsize=1_000)
def _converted(text: str) -> tuple[bytes, tuple[str, ...] | None]:
    """The statement as the server reads it, and the parameters' names in its order; None for those without a name."""
    numbers: dict[str, int] = {}
    unnamed = count(1)

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found[1]
        return f"${next(unnamed) if name is None else numbers.setdefault(name, len(numbers) + 1)}"

    converted = _PARAMETER.sub(number, text).encode()
    return converted, tuple(numbers) or None


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
            # Between two commands; but for ever, once the connection has broken down.
            if pgconn.status != pq.ConnStatus.OK:
                raise errors.OperationalError(pgconn.get_error_message())
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
