"""What the webhook asks of the database: one statement for all alerts that wait, whoever sends it.

Each operation takes many at once. A thread of a WSGI server sends one at a time over Django's connection; the alert
process sends what has gathered (`writer.py`). So what is stored, and when not, is said once.
"""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network
from time import monotonic, perf_counter, sleep
from typing import Any, Protocol, TypeVar
from uuid import UUID

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import AdminShutdown, CrashShutdown

from kernel.canonical import sha256_hex, to_jsonb_text
from kernel.errors import DomainError
from kernel.event_lines import Event
from kernel.events import WORKER_NOT_NOTIFIED
from kernel.sql import load
from signals_app.alerts.admission import MINUTE, Address, Arrival, Judgement, KnownSource, seconds_to_wait
from signals_app.alerts.alert import NewSignal
from signals_app.alerts.documents import natural_key, signal_hash, signal_id
from signals_app.models import DeliveryOutcome

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

# From an alert to its answer, whatever happens: TradingView gives up after three seconds, and sends again after a 503.
ANSWER_SECONDS = 0.85
# After how long a source is tried again that somebody holds.
BUSY_SECONDS = 0.05
CHANNEL = "signals_waiting"
STORE_ALERTS = load(__file__, "store_alerts.sql")
FIND_SOURCES = """
SELECT id, slug, token_hash, previous_token_hash, is_active, body_secret_hash, client_certificate_subject,
       max_age_seconds, rate_limit_per_minute, bare_sell, replay, xmin::text, allowed_addresses::text
  FROM webhook_sources
 WHERE token_hash = ANY(%(hashes)s) OR previous_token_hash = ANY(%(hashes)s)
"""
# Whoever counts the alerts of a source has it to himself until they are committed; the answer is who has to wait.
LOCK_SOURCES = """
WITH held AS MATERIALIZED (SELECT id FROM webhook_sources WHERE id = ANY(%(ids)s) FOR NO KEY UPDATE SKIP LOCKED)
SELECT id FROM webhook_sources WHERE id = ANY(%(ids)s) AND id NOT IN (SELECT id FROM held)
"""
LATEST_DELIVERIES = """
SELECT source.id, latest.received_at
  FROM unnest(%(ids)s::int8[], %(limits)s::int4[]) AS source (id, most)
 CROSS JOIN LATERAL (SELECT received_at FROM webhook_deliveries
                      WHERE source_id = source.id AND received_at > %(since)s AND outcome <> 'rejected'
                      ORDER BY received_at DESC LIMIT source.most) AS latest
 ORDER BY latest.received_at
"""
FIRST_SIGNALS = "SELECT signal_id, signal_hash, raw_payload::text FROM signals WHERE signal_id = ANY(%(ids)s)"
COUNT_STRANGERS = """
INSERT INTO unknown_token_attempts AS counted (address, hour, attempts, last_at)
SELECT address::inet, date_trunc('hour', at, 'UTC'), count(*), max(at)
  FROM unnest(%(addresses)s::text[], %(times)s::timestamptz[]) AS stranger (address, at)
 GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (address, hour) DO UPDATE
   SET attempts = counted.attempts + excluded.attempts, last_at = greatest(counted.last_at, excluded.last_at)
RETURNING 1
"""
READ_CLOCK = "SELECT clock_timestamp()"
_IPV6_SITE = 64
_MAX_CONTENT_TYPE_CHARACTERS = 200
# The columns of a new signal; a delivery without one has none of them.
_SIGNAL_COLUMNS = (
    "source", "exchange", "symbol", "direction", "timeframe", "timestamp", "strategy", "order_id", "signal_hash",
    "raw_payload", "consumed_fields", "replayed",
)  # fmt: skip
_DELIVERY_COLUMNS = (
    "source_id", "source_version", "received_at", "remote_address", "content_type", "body", "body_sha256", "outcome",
    "code", "detail", "signal_id", "alert_time",
)  # fmt: skip

# The columns by name, as the .sql file takes them, with `started` and `limit`.
Row = Mapping[str, Any]


class JudgeAgainError(Exception):
    """What the alert was judged by is no longer so: nothing is stored."""


class SourceChangedError(JudgeAgainError):
    """The source was changed after the alert was judged by it."""


class SourceBusyError(Exception):
    """Somebody holds a lock on the source's row: nothing is stored, ask again in a moment."""


class RateLimitedError(DomainError):
    """The source has sent as much as it may in a minute; ``wait`` is the seconds until it may send again."""

    def __init__(self, limit: int, wait: float) -> None:
        super().__init__("rate_limited", f"This source is limited to {limit} alerts per minute; retry later.")
        self.wait = wait


class Session(Protocol):
    """A connection to the database."""

    async def fetch(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement; its rows."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """What is run inside is committed together."""


# What is asked for many at once; an Exception among the results is for the one who asked.
Operation = Callable[[Session, Sequence[A]], Awaitable[Sequence[R | Exception]]]


class Keeper(Protocol):
    """Where alerts are kept, and what is logged of them."""

    def for_alert(self) -> Keeper:
        """The same for one alert, which has its answer in time however often it asks."""

    async def ask(self, operation: Operation[A, R], argument: A) -> R:
        """Have the operation done for this one, beside others perhaps; committed on return."""

    def log(self, event: Event, /, **values: object) -> None:
        """Log an event."""

    def wake(self) -> None:
        """Hint to the workers, soon, that a signal waits; after its commit."""


def signal_row(source: KnownSource, judgement: Judgement, signal: NewSignal) -> dict[str, Any]:
    """The columns of a new signal."""
    key = natural_key(
        source=source.slug,
        exchange=signal.exchange,
        symbol=signal.symbol,
        direction=signal.direction,
        timeframe=signal.timeframe,
        timestamp=signal.timestamp,
        strategy=signal.strategy,
        order_id=signal.order_id,
    )
    return {
        "signal_id": signal_id(key),
        "source": source.slug,
        "exchange": signal.exchange,
        "symbol": signal.symbol,
        "direction": signal.direction,
        "timeframe": signal.timeframe,
        "timestamp": signal.timestamp,
        "strategy": signal.strategy,
        "order_id": signal.order_id,
        "signal_hash": signal_hash(key, judgement.payload),
        "raw_payload": to_jsonb_text(judgement.payload),
        "consumed_fields": _array_literal(sorted(signal.consumed)),
        # As of now: a later switch of the source changes no history.
        "replayed": source.replay,
    }


def _array_literal(texts: Sequence[str]) -> str:
    """An array as PostgreSQL writes it; arrays of arrays of several lengths cannot be passed."""
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


def delivery_row(
    source: KnownSource,
    arrival: Arrival,
    judgement: Judgement,
    outcome: DeliveryOutcome,
    signal_id: UUID | None = None,
    *,
    code: str = "",
    detail: str = "",
    alert_time: datetime | None = None,
) -> dict[str, Any]:
    """The columns of a delivery, and by what its source is limited and was judged."""
    return {
        "received_at": arrival.received_at,
        "source_id": source.pk,
        "source_version": source.version,
        "remote_address": str(arrival.address) if arrival.address else None,
        # PostgreSQL's text holds no U+0000, and an odd header must not cost the alert.
        "content_type": arrival.content_type.replace("\x00", "")[:_MAX_CONTENT_TYPE_CHARACTERS],
        "body": judgement.kept_body,
        "body_sha256": sha256_hex(arrival.body),
        "outcome": outcome.value,
        "code": code,
        "detail": detail,
        "signal_id": signal_id,
        "alert_time": alert_time,
        "started": arrival.started,
        "limit": None if outcome is DeliveryOutcome.REJECTED else source.rate_limit_per_minute,
    }


async def store_alerts(session: Session, rows: Sequence[Row]) -> Sequence[bool | Exception]:
    """Store deliveries, with the new signals of those that make one; False where the signal exists.

    SourceChangedError where the source was changed after the alert was judged by it, and SourceBusyError where
    somebody holds it: nothing is stored then. Of a source beyond its limit the delivery is stored as rejected, and its
    result is RateLimitedError.
    """
    limits = {row["source_id"]: row["limit"] for row in rows if row["limit"] is not None}
    if not limits:
        return await _store(session, rows)
    async with session.transaction():
        busy = {pk for (pk,) in await session.fetch(LOCK_SOURCES, {"ids": list(limits)})}
        since = min(row["received_at"] for row in rows) - MINUTE
        found = {"ids": list(limits), "limits": list(limits.values()), "since": since}
        latest: dict[int, list[datetime]] = {pk: [] for pk in limits}
        for pk, received_at in await session.fetch(LATEST_DELIVERIES, found):
            latest[pk].append(received_at)
        refusals: list[Exception | None] = []
        admitted: list[Row] = []
        for row in rows:
            refusal: Exception | None = None
            if row["limit"] is not None and row["source_id"] in busy:
                refusal = SourceBusyError()
            elif row["limit"] is not None:
                wait = seconds_to_wait(latest[row["source_id"]], row["received_at"], row["limit"])
                if wait is None:
                    insort(latest[row["source_id"]], row["received_at"])
                else:
                    refusal = RateLimitedError(row["limit"], wait)
            refusals.append(refusal)
            if not isinstance(refusal, SourceBusyError):
                admitted.append(_rejected(row, refusal) if isinstance(refusal, RateLimitedError) else row)
        stored = iter(await _store(session, admitted) if admitted else ())
    results: list[bool | Exception] = []
    for refusal in refusals:
        result = refusal if isinstance(refusal, SourceBusyError) else next(stored)
        results.append(refusal if refusal is not None and not isinstance(result, Exception) else result)
    return results


def _rejected(row: Row, error: DomainError) -> Row:
    """The delivery alone, as rejected."""
    outcome = DeliveryOutcome.REJECTED.value
    kept = {name: row[name] for name in (*_DELIVERY_COLUMNS, "started")}
    return kept | {"outcome": outcome, "code": error.code, "detail": error.detail, "signal_id": None}


async def _store(session: Session, rows: Sequence[Row]) -> Sequence[bool | Exception]:
    parameters: dict[str, Any] = {name: [row[name] for row in rows] for name in _DELIVERY_COLUMNS}
    parameters |= {name: [row.get(name) for row in rows] for name in _SIGNAL_COLUMNS}
    now = perf_counter()
    parameters |= {"number": list(range(len(rows))), "duration_ms": [(now - row["started"]) * 1000 for row in rows]}
    results: list[bool | Exception] = [SourceChangedError() for _ in rows]
    for number, is_kept, is_busy, time in await session.fetch(STORE_ALERTS, parameters):
        results[number] = SourceBusyError() if is_busy else is_kept
        clock.set(time)
    return results


async def find_sources(session: Session, hashes: Sequence[str]) -> Sequence[KnownSource | None]:
    """The source with this current or previous token, active or not; None where there is none."""
    found: dict[str, KnownSource] = {}
    for row in await session.fetch(FIND_SOURCES, {"hashes": list(hashes)}):
        columns = (*row[:-1], json.loads(row[-1]))
        source = KnownSource(*columns)
        found |= {text: source for text in (source.token_hash, source.previous_token_hash) if text}
    return [found.get(text) for text in hashes]


async def first_signals(session: Session, ids: Sequence[UUID]) -> Sequence[tuple[str, dict[str, Any]] | None]:
    """Hash and payload of the signal that was there first; None where there is none."""
    rows = await session.fetch(FIRST_SIGNALS, {"ids": list(ids)})
    found = {identity: (digest, json.loads(payload)) for identity, digest, payload in rows}
    return [found.get(identity) for identity in ids]


async def count_strangers(session: Session, strangers: Sequence[tuple[Address | None, datetime]]) -> Sequence[None]:
    """Count requests whose token no active source has, by address and hour.

    An IPv6 sender is counted by its network of 64 bits, all of which one host can use.
    """
    addresses = [
        str(IPv6Network((address, _IPV6_SITE), strict=False).network_address)
        if isinstance(address, IPv6Address)
        else str(address or "") or None
        for address, _ in strangers
    ]
    await session.fetch(COUNT_STRANGERS, {"addresses": addresses, "times": [at for _, at in strangers]})
    return [None] * len(strangers)


async def read_clock(session: Session, asking: Sequence[None]) -> Sequence[None]:
    """Set this process's clock by the database's."""
    ((now,),) = await session.fetch(READ_CLOCK, {})
    clock.set(now)
    return [None] * len(asking)


async def notify(session: Session, asking: Sequence[None]) -> Sequence[None]:
    """Send one hint to the workers."""
    await session.fetch(f"SELECT pg_notify('{CHANNEL}', '')", {})
    return [None] * len(asking)


class DatabaseClock:
    """The database's time, by which alerts are judged; this machine only counts on from what it said last."""

    TRUSTED_SECONDS = 10.0

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._due = 0.0

    def set(self, now: datetime) -> None:
        """Take the time that the database has just told."""
        self._ahead = now - timezone.now()
        self._due = monotonic() + self.TRUSTED_SECONDS

    async def now(self, keeper: Keeper) -> datetime:
        """The database's time, asked for where it was told too long ago."""
        if monotonic() >= self._due:
            await keeper.ask(read_clock, None)
        return timezone.now() + self._ahead


clock = DatabaseClock()


class _PreparedCursor(psycopg.Cursor[Any]):
    """Binds parameters on the server and lets it keep the plan, which Django's cursor never does.

    Nothing is kept where the database's option `prepare_threshold` is None, as some poolers need it.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> _PreparedCursor:
        super().execute(query, params, prepare=True, **options)
        return self


class ThreadKeeper:
    """Keeps one alert at a time over this thread's connection of Django; its coroutines never wait."""

    def __init__(self) -> None:
        self._until = monotonic() + ANSWER_SECONDS

    def for_alert(self) -> ThreadKeeper:
        """One whose time begins now."""
        return ThreadKeeper()

    async def ask(self, operation: Operation[A, R], argument: A) -> R:
        """Have it done now, or as soon as nobody else holds the source."""
        while True:
            (result,) = await operation(self, [argument])
            if not isinstance(result, SourceBusyError):
                break
            if monotonic() > self._until:
                raise OperationalError("Somebody holds the alert's source.") from result
            sleep(BUSY_SECONDS)  # noqa: ASYNC251 (of this alert's own thread)
        if isinstance(result, Exception):
            raise result
        return result

    async def fetch(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement; its rows."""
        connection.ensure_connection()
        prepared: Any = _PreparedCursor(connection.connection)
        # Errors are translated and queries logged as by all cursors of Django.
        wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
        with wrap(prepared) as cursor:
            cursor.execute(statement, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What is run inside is committed together."""
        with transaction.atomic():
            yield

    def log(self, event: Event, /, **values: object) -> None:
        """Log an event."""
        event.log(**values)

    def wake(self) -> None:
        """Hint to the workers at once; one that cannot be reached finds the signal at its next poll."""
        try:
            run_now(self.ask(notify, None))
        except (DatabaseError, InterfaceError) as error:
            WORKER_NOT_NOTIFIED.log(error=str(error))


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing to its end, in this thread."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("A coroutine of a thread waited.")


def on_live_connection(work: Callable[[], T]) -> T:
    """Run work that may be repeated; once more on a new connection when the kept one turns out to be dead.

    The server has been restarted, say. A database that cannot be reached now raises OperationalError.
    """
    kept = connection.connection is not None
    # The check before reuse would cost every alert a round trip; here a dead connection is noticed anyway.
    connection.health_check_done = True  # type: ignore[attr-defined] # missing in the stubs
    try:
        return work()
    except (OperationalError, InterfaceError) as error:
        # The server's last word may be read before the end of the line behind it.
        is_ended = isinstance(error.__cause__, AdminShutdown | CrashShutdown)
        is_dead = is_ended or connection.connection is None or bool(connection.connection.closed)
        if not (kept and is_dead):
            raise
        connection.close()
        return work()
