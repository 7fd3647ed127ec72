"""One writer per event loop: what is asked of the database while it works is asked together afterwards.

Alerts that arrive while the last commit runs are stored by one statement and one commit; nobody is answered before the
commit that holds his alert, and an alert that comes alone waits for nobody. Whatever the database does, everybody has
an answer in time: a database that does not answer is no longer asked for a moment, then tried again by whoever comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from django.db import OperationalError, connection
from psycopg.errors import AdminShutdown, CrashShutdown, ReadOnlySqlTransaction

from kernel.event_lines import Event
from kernel.events import WORKER_NOT_NOTIFIED
from kernel.sql import NOTICE_LOST_HOSTS
from signals_app.webhook.store import (
    ANSWER_SECONDS,
    BUSY_SECONDS,
    A,
    Operation,
    R,
    SourceBusyError,
    SourceChangedError,
    notify,
    store_alerts,
)

MAX_BATCH = 500
# Less than that, or every batch behind a statement that hangs would wait in vain as well.
STATEMENT_SECONDS = 0.75
# How long nobody is asked after a failure.
PAUSE_SECONDS = 0.5
# At most twenty hints a second; a worker that has just decided something looks by itself meanwhile.
HINT_SECONDS = 0.05
MAX_TURNS = 20
# The server's own limits end a statement before we turn away from it.
LOCK_SECONDS, SERVER_SECONDS = 0.6, 0.7
NO_ANSWER = "The database did not answer in time."

_lines_log = logging.getLogger("orchestrator.lines")


@dataclass(slots=True, eq=False)
class _Question:
    """One operation on one argument, and who waits for its result until when."""

    operation: Operation[Any, Any]
    argument: Any
    result: asyncio.Future[Any]
    until: float

    def settle(self, result: object) -> None:
        """Tell the result, or raise it there, unless the one who asked has been told otherwise already."""
        if self.result.done():
            return
        if isinstance(result, Exception):
            self.result.set_exception(result)
        else:
            self.result.set_result(result)


class _Session:
    """The writer's connection as operations use it."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    async def fetch(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        cursor = await self.connection.execute(statement.encode(), parameters, prepare=True, binary=True)
        return await cursor.fetchall()

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return self.connection.transaction()


class Writer:
    """Keeps alerts for the coroutines of one event loop; no locks, because all of it runs there."""

    def __init__(self, count: Callable[[int], object]) -> None:
        """Take what is told how many alerts each commit has stored."""
        self._count = count
        parameters = connection.get_connection_params()
        for name in ("cursor_factory", "context"):
            parameters.pop(name, None)
        limits = f"-c lock_timeout={LOCK_SECONDS * 1000:.0f} -c statement_timeout={SERVER_SECONDS * 1000:.0f}"
        options = f"{parameters.pop('options', '')} -c TimeZone=UTC {limits} {NOTICE_LOST_HOSTS}"
        self._parameters: dict[str, Any] = parameters | {"options": options}
        self._waiting: list[_Question] = []
        self._asked: list[_Question] = []
        # Whose source somebody holds.
        self._postponed: list[_Question] = []
        self._session: _Session | None = None
        self._work: asyncio.Task[None] | None = None
        self._hints: asyncio.Task[None] | None = None
        # What still runs on a connection that was given up.
        self._abandoned: set[asyncio.Task[Any]] = set()
        self._is_hint_wanted = self._is_patrolling = False
        self._paused_until = 0.0
        self._lines: list[str] = []

    def for_alert(self) -> AlertWriter:
        """The same for one alert, whose time begins now."""
        return AlertWriter(self, asyncio.get_running_loop().time() + ANSWER_SECONDS)

    async def ask(self, operation: Operation[A, R], argument: A, until: float = float("inf")) -> R:
        """Have the operation done for this one beside others; committed on return.

        `until` is a time of the event loop. Raise OperationalError when the database has not answered by then: the
        alert may be kept or not.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._paused_until:
            raise OperationalError("The database has just failed; it is tried again in a moment.")
        if now >= until:
            raise OperationalError(NO_ANSWER)
        question = _Question(operation, argument, loop.create_future(), min(until, now + ANSWER_SECONDS))
        self._waiting.append(question)
        self._work_on()
        if not self._is_patrolling:
            self._is_patrolling = True
            loop.call_later(BUSY_SECONDS, self._patrol)
        result: R = await question.result
        return result

    async def close(self) -> None:
        """Ask what still waits, then leave the database."""
        for task in (self._work, self._hints):
            if task is not None:
                await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while self._abandoned and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(set(self._abandoned), timeout=left)
        if self._session is not None:
            await self._session.connection.close()

    def _work_on(self) -> None:
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """Ask batch after batch until nobody waits."""
        try:
            while self._waiting:
                # Let all who are at the door come in: as long as each turn of the loop brings somebody.
                for _ in range(MAX_TURNS):
                    before = len(self._waiting)
                    await asyncio.sleep(0)
                    if len(self._waiting) == before:
                        break
                self._asked, self._waiting = next_batch(self._waiting)
                kinds = defaultdict(list)
                for question in self._asked:
                    kinds[question.operation].append(question)
                for questions in kinds.values():
                    await self._ask_or_split(questions)
        finally:
            self._work, self._asked = None, []

    def _patrol(self) -> None:
        """Tell those whose time is up; one timer for all, because one for each costs as much as keeping the alert."""
        now = asyncio.get_running_loop().time()
        self._waiting += self._postponed
        for question in (*self._asked, *self._waiting):
            if question.until < now:
                reason = "Somebody holds the alert's source." if question in self._postponed else NO_ANSWER
                question.settle(OperationalError(reason))
        self._postponed = []
        if self._waiting:
            self._work_on()
        self._is_patrolling = bool(self._asked or self._waiting or self._postponed)
        if self._is_patrolling:
            asyncio.get_running_loop().call_later(BUSY_SECONDS, self._patrol)

    async def _ask_or_split(self, questions: Sequence[_Question]) -> None:
        """Ask for all; halve them when the database refuses one, so that only whoever sent it is told."""
        try:
            results = await self._ask(questions)
        except (
            psycopg.OperationalError,
            psycopg.InterfaceError,
            ReadOnlySqlTransaction,
            OSError,
            TimeoutError,
        ) as error:
            self._paused_until = asyncio.get_running_loop().time() + PAUSE_SECONDS
            reason = str(error).strip() or NO_ANSWER
            for question in (*questions, *self._waiting):
                question.settle(OperationalError(reason))
        except Exception as error:  # noqa: BLE001 (told to whoever asked, whose view logs it)
            if len(questions) == 1:
                questions[0].settle(error)
                return
            middle = len(questions) // 2
            await self._ask_or_split(questions[:middle])
            await self._ask_or_split(questions[middle:])
        else:
            if questions[0].operation is store_alerts:
                stored = sum(not isinstance(result, SourceBusyError | SourceChangedError) for result in results)
                if stored:
                    self._count(stored)
            for question, result in zip(questions, results, strict=True):
                if isinstance(result, SourceBusyError):
                    self._postponed.append(question)
                else:
                    question.settle(result)

    async def _ask(self, questions: Sequence[_Question]) -> Sequence[Any]:
        """Ask; once more on a new connection when the kept one turns out to be dead."""
        kept = self._session
        try:
            return await self._ask_once(questions)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # The server's last word may be read before the end of the line behind it.
            is_ended = isinstance(error, AdminShutdown | CrashShutdown)
            if kept is None or not (is_ended or kept.connection.closed):
                raise
            await kept.connection.close()
            return await self._ask_once(questions)

    async def _ask_once(self, questions: Sequence[_Question]) -> Sequence[Any]:
        if self._session is None or self._session.connection.closed:
            async with asyncio.timeout(STATEMENT_SECONDS):
                session = _Session(await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True))
            self._session = session
        else:
            session = self._session
        operation = questions[0].operation
        work: asyncio.Task[Sequence[Any]] = asyncio.ensure_future(
            operation(session, [question.argument for question in questions])
        )
        await asyncio.wait({work}, timeout=STATEMENT_SECONDS)
        if work.done():
            return work.result()
        # Not cancelled: that would ask the very server that does not answer. The next one gets a new connection.
        self._session = None
        self._abandoned.add(work)
        work.add_done_callback(lambda _: self._close(work, session))
        raise TimeoutError

    def _close(self, work: asyncio.Task[Any], session: _Session) -> None:
        """Leave a connection whose statement has ended after all; what became of it was told long ago."""
        self._abandoned.discard(work)
        work.cancelled() or work.exception()
        closing = asyncio.ensure_future(session.connection.close())
        self._abandoned.add(closing)
        closing.add_done_callback(self._abandoned.discard)

    def wake(self) -> None:
        """Hint to the workers soon; what commits meanwhile is told by the next hint."""
        self._is_hint_wanted = True
        if self._hints is None:
            self._hints = asyncio.get_running_loop().create_task(self._send_hints())

    async def _send_hints(self) -> None:
        while self._is_hint_wanted:
            # Before the hint: a signal that commits meanwhile asks for another.
            self._is_hint_wanted = False
            try:
                await self.ask(notify, None)
            except (psycopg.Error, OperationalError) as error:
                self.log(WORKER_NOT_NOTIFIED, error=str(error))
            await asyncio.sleep(HINT_SECONDS)
        self._hints = None

    def log(self, event: Event, /, **values: object) -> None:
        """Log an event: one call of the logger costs what judging an alert does, so a turn's lines go together."""
        if not _lines_log.isEnabledFor(logging.getLevelNamesMapping()[event.level.upper()]):
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(event.line(structlog.contextvars.get_contextvars(), **values))

    def _flush(self) -> None:
        # Each was let through by its own level already.
        _lines_log.critical("\n".join(self._lines))
        self._lines.clear()


@dataclass(frozen=True, slots=True)
class AlertWriter:
    """The writer as one alert uses it: whatever it asks one after the other, it has its answer in time."""

    writer: Writer
    until: float

    def for_alert(self) -> AlertWriter:
        """Itself: the alert's time runs already."""
        return self

    async def ask(self, operation: Operation[A, R], argument: A) -> R:
        """Have the operation done; see `Writer.ask`."""
        return await self.writer.ask(operation, argument, self.until)

    def wake(self) -> None:
        """Hint to the workers soon."""
        self.writer.wake()

    def log(self, event: Event, /, **values: object) -> None:
        """Log an event."""
        self.writer.log(event, **values)


def next_batch(waiting: Sequence[_Question]) -> tuple[list[_Question], list[_Question]]:
    """Take what waits, each signal once: the second of two waits for the first, then meets it in the table."""
    batch: list[_Question] = []
    later: list[_Question] = []
    seen = set()
    for question in waiting:
        if question.result.done():
            continue  # its time was up
        identity = None
        if question.operation is store_alerts and "signal_hash" in question.argument:
            identity = question.argument["signal_id"]
        if len(batch) >= MAX_BATCH or (identity is not None and identity in seen):
            later.append(question)
            continue
        seen.add(identity)
        batch.append(question)
    return batch, later
