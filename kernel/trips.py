"""Statements sent together: a call of an engine costs what its trips to the server cost, each of which wakes it.

By libpq's pipeline and without psycopg's cursors, which send each statement by itself even there. The server keeps all
statements prepared, where the ORM would compile each anew.
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import psycopg
from django.db import connections, transaction
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq import ExecStatus, TransactionStatus

Rows = list[tuple[Any, ...]]
# psycopg drops all that a server keeps for the connection, ours too, at a rollback after it has prepared something.
IS_KEPT = b"SELECT FROM pg_prepared_statements WHERE name LIKE 'trips%' LIMIT 1"


class Answer:
    """What one statement yields; who looks at it sends all that waits."""

    __slots__ = ("_trips", "found", "parameters", "statement", "then")

    def __init__(
        self,
        trips: Trips,
        statement: bytes,
        parameters: Sequence[Any] | None = None,
        then: Callable[[Rows], None] | None = None,
    ) -> None:
        self._trips, self.statement, self.parameters, self.then = trips, statement, parameters, then
        self.found: Rows | None = None

    @property
    def rows(self) -> Rows:
        """All rows."""
        if self.found is None:
            self._trips.send()
        assert self.found is not None
        return self.found


class Trips:
    """One of Django's connections: what waits to be sent over it, and what its server keeps prepared."""

    def __init__(self, database: Any) -> None:
        self.connection: psycopg.Connection[Any] = database.connection
        self.gathers = False
        # While statements gather, whether the server is known to have all names.
        self.is_sure = False
        self._database = database
        self._waiting: list[Answer] = []
        self._texts = Transformer(self.connection)
        self._names: dict[bytes, bytes] = {}
        self._numbers = count()
        # None for poolers that cannot keep plans (PgBouncer).
        self._keeps = self.connection.prepare_threshold is not None

    def ask(self, statement: str, parameters: Any = (), then: Callable[[Rows], None] | None = None) -> Answer:
        """Let a statement wait, or send it unless statements gather; `then` is called as its rows come.

        Values go as text; the server tells their types by where they stand.
        """
        text, names = _numbered(statement)
        values = [parameters[name] for name in names] if names else parameters
        written = self._texts.dump_sequence(values, [PyFormat.TEXT] * len(values)) if values else None
        answer = Answer(self, text, written, then)
        self._waiting.append(answer)
        if not self.gathers:
            self.send()
        return answer

    def forget(self) -> None:
        """Never send what waits."""
        self._waiting.clear()

    def send(self) -> None:
        """Send what waits and take the answers; the first error ends all."""
        asked, self._waiting = self._waiting, []
        if not asked:
            return
        self._database.validate_no_broken_transaction()
        begins = self.connection.pgconn.transaction_status == TransactionStatus.IDLE
        if begins and not self._database.autocommit:
            asked.insert(0, Answer(self, b"BEGIN"))
        with self._database.wrap_database_errors:
            # In a transaction that began elsewhere, an unknown name would be the end of it.
            if not begins and not self.is_sure and self._names:
                kept = Answer(self, IS_KEPT)
                self._exchange([kept], by_name=False)
                if not kept.rows:
                    self._names.clear()
            try:
                self._exchange(asked, by_name=self._keeps)
            except InvalidSqlStatementName:
                self._names.clear()
                if not begins:
                    raise
                self._exchange([Answer(self, b"ROLLBACK")], by_name=False)
                self._exchange(asked, by_name=self._keeps)
        self.is_sure = self.gathers

    def _exchange(self, asked: list[Answer], *, by_name: bool) -> None:
        server, new = self.connection.pgconn, list[bytes]()
        expected: list[Answer | None] = []
        server.enter_pipeline_mode()
        try:
            for answer in asked:
                if not by_name:
                    server.send_query_params(answer.statement, answer.parameters)
                else:
                    name = self._names.get(answer.statement)
                    if name is None:
                        name = self._names[answer.statement] = b"trips%d" % next(self._numbers)
                        server.send_prepare(name, answer.statement)
                        new.append(answer.statement)
                        expected.append(None)
                    server.send_query_prepared(name, answer.parameters)
                expected.append(answer)
            server.pipeline_sync()
            results = self.connection.wait(_results(server, len(expected) + 1))
            server.exit_pipeline_mode()
        except BaseException:
            # What has not been read of the answers would be taken for those of the next statements.
            self.connection.close()
            raise
        error = next((result for result in results if result.status == ExecStatus.FATAL_ERROR), None)
        if error is not None:
            for statement in new:
                del self._names[statement]
            raise error_from_result(error)
        for each, result in zip(expected, results, strict=False):
            if each is not None:
                self._texts.set_pgresult(result)
                each.found = self._texts.load_rows(0, result.ntuples, tuple)
                if each.then is not None:
                    each.then(each.found)


def _results(server: Any, number: int) -> Generator[Any, Any, list[Any]]:
    """The first result of each message, the last of which is that of the end."""
    yield from send(server)
    found = []
    for _ in range(number):
        results = yield from fetch_many(server)
        found.append(results[0])
    return found


@cache
def _numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with its places numbered, and the names that stood in them."""
    names: dict[str, int] = {}
    unnamed = count(1)

    def place(found: re.Match[str]) -> str:
        number = next(unnamed) if found[1] is None else names.setdefault(found[1], len(names) + 1)
        return f"${number}"

    return re.sub(r"%(?:\((\w+)\))?s", place, statement).encode(), tuple(names)


def _trips() -> Trips:
    # Looked up once: `django.db.connection` looks for the thread's own with every attribute.
    database: Any = connections["default"]
    database.ensure_connection()
    known: Trips | None = vars(database).get("trips")
    if known is None or known.connection is not database.connection:
        known = database.trips = Trips(database)
    return known


def execute(statement: str, parameters: Any = (), then: Callable[[Rows], None] | None = None) -> Answer:
    """Run one statement that the server keeps prepared; in the transaction that is open, if one is.

    `then` is called as its rows come.
    """
    return _trips().ask(statement, parameters, then)


def send_waiting() -> None:
    """Send what waits, for whoever needs what it does."""
    _trips().send()


@contextmanager
def transaction_by_trips() -> Iterator[None]:
    """A transaction whose statements wait until somebody looks at an answer; the last of them go with the COMMIT.

    So an error of the database is raised by whoever sends next, and at the latest at the end. What the ORM does in
    between keeps its place.
    """
    database: Any = connections["default"]
    is_whole = not database.in_atomic_block
    with transaction.atomic():
        trips = _trips()
        before, trips.gathers, trips.is_sure = trips.gathers, True, False

        def send_first(run: Callable[..., Any], *statement: Any) -> Any:
            trips.send()
            return run(*statement)

        try:
            with database.execute_wrapper(send_first):
                yield
                if not database.needs_rollback:
                    if is_whole:
                        # Then Django's own finds nothing left to do.
                        trips.ask("COMMIT")
                    trips.send()
        finally:
            trips.forget()
            trips.gathers = before


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
