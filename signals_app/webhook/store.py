"""Storing an alert in one round trip, also after a lost connection, and waking the workers after the commit."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from ipaddress import IPv6Address, IPv6Network
from time import perf_counter, sleep
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.backends.utils import CursorWrapper

from kernel.canonical import sha256_hex, to_jsonb_text
from kernel.events import WORKER_NOT_NOTIFIED
from kernel.sql import load
from signals_app.alerts.admission import Address, Arrival, Judgement, KnownSource
from signals_app.alerts.alert import NewSignal
from signals_app.alerts.documents import natural_key, signal_hash, signal_id
from signals_app.models import DeliveryOutcome

T = TypeVar("T")


def on_live_connection(work: Callable[[], T]) -> T:
    """Run work that may be repeated; once more on a new connection when the kept one turns out to be dead.

    The server has been restarted, say. A database that cannot be reached now raises OperationalError.
    """
    kept = connection.connection is not None
    # The check before reuse would cost every alert a round trip; here a dead connection is noticed anyway.
    connection.health_check_done = True  # type: ignore[attr-defined] # missing in the stubs
    try:
        return work()
    except (OperationalError, InterfaceError):
        is_dead = connection.connection is None or bool(connection.connection.closed)
        if not (kept and is_dead):
            raise
        connection.close()
        return work()


STORE_SIGNAL = load(__file__, "store_signal.sql")
STORE_DELIVERY = load(__file__, "store_delivery.sql")
FIND_SOURCE = """
SELECT id, slug, token_hash, previous_token_hash, is_active, body_secret_hash, client_certificate_subject,
       max_age_seconds, rate_limit_per_minute, bare_sell, replay, xmin::text, allowed_addresses
  FROM webhook_sources
 WHERE token_hash = %(hash)s OR previous_token_hash = %(hash)s
"""
NTH_LATEST_DELIVERY = """
SELECT received_at FROM webhook_deliveries
 WHERE source_id = %s AND received_at > %s AND outcome <> 'rejected'
 ORDER BY received_at DESC OFFSET %s LIMIT 1
"""
COUNT_STRANGER = """
INSERT INTO unknown_token_attempts AS counted (address, hour, attempts, last_at)
VALUES (%(address)s::inet, date_trunc('hour', %(at)s::timestamptz, 'UTC'), 1, %(at)s)
ON CONFLICT (address, hour) DO UPDATE
   SET attempts = counted.attempts + 1, last_at = greatest(counted.last_at, excluded.last_at)
"""
_IPV6_SITE = 64
_MAX_CONTENT_TYPE_CHARACTERS = 200

# The columns by name, as the .sql files take them.
Row = Mapping[str, Any]


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
        "consumed_fields": sorted(signal.consumed),
        # As of now: a later switch of the source changes no history.
        "replayed": source.replay,
    }


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
    """The columns of a delivery, and the version of the source that it was judged by."""
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
        "duration_ms": (perf_counter() - arrival.started) * 1000,
    }


class SourceChangedError(Exception):
    """The source was changed after the alert was judged by it: nothing is stored, judge again."""


def find_source(token_hash: str) -> KnownSource | None:
    """The source with this current or previous token, active or not; None when there is none."""
    with _prepared_cursor() as cursor:
        cursor.execute(FIND_SOURCE, {"hash": token_hash})
        row = cursor.fetchone()
    if row is None:
        return None
    # Outside of a JSONField Django hands out jsonb as text.
    columns = (*row[:-1], json.loads(row[-1]))
    return KnownSource(*columns)


def store_signal(row: Row) -> bool:
    """Store a new signal and its delivery, both or neither.

    False when the signal exists, or the source was changed after the alert was judged by it.
    """
    with _prepared_cursor() as cursor:
        cursor.execute(STORE_SIGNAL, row)
        return bool(cursor.rowcount)


def store_delivery(row: Row) -> None:
    """Store a delivery that created no signal; raise SourceChangedError when the source was changed meanwhile."""
    with _prepared_cursor() as cursor:
        cursor.execute(STORE_DELIVERY, row)
        if not cursor.rowcount:
            raise SourceChangedError


def count_unknown_token(address: Address | None, at: datetime) -> None:
    """Count a request whose token no active source has, by its address and hour.

    An IPv6 sender is counted by its network of 64 bits, all of which one host can use.
    """
    if isinstance(address, IPv6Address):
        address = IPv6Network((address, _IPV6_SITE), strict=False).network_address
    with _prepared_cursor() as cursor:
        cursor.execute(COUNT_STRANGER, {"address": str(address) if address else None, "at": at})


def nth_latest_delivery(source_id: int, since: datetime, number: int) -> datetime | None:
    """When the number-th latest delivery since then arrived, rejected ones aside; None when there were fewer."""
    with _prepared_cursor() as cursor:
        cursor.execute(NTH_LATEST_DELIVERY, (source_id, since, number - 1))
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row[0] if row else None


class _PreparedCursor(psycopg.Cursor[Any]):
    """Binds parameters on the server and lets it keep the plan, which Django's cursor never does.

    Nothing is kept where the database's option `prepare_threshold` is None, as some poolers need it.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> _PreparedCursor:
        super().execute(query, params, prepare=True, **options)
        return self


@contextmanager
def _prepared_cursor() -> Iterator[CursorWrapper]:
    """Open a cursor that translates errors and logs queries as all cursors of Django do."""
    connection.ensure_connection()
    cursor: Any = _PreparedCursor(connection.connection)
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(cursor) as wrapped:
        yield wrapped


CHANNEL = "signals_waiting"
# At most twenty hints a second and process; a worker that has just decided something looks by itself meanwhile.
DEBOUNCE_SECONDS = 0.05


class Waker:
    """Sends hints from a thread of its own; `wake` only sets a flag and never blocks."""

    def __init__(self) -> None:
        self._waiting = threading.Event()
        self._lock = threading.Lock()
        self._pid = 0

    def wake(self) -> None:
        """Ask for a hint soon; call it after the commit."""
        if self._pid != os.getpid():
            # Started at the first alert of a process: a thread does not survive the server's fork.
            with self._lock:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(target=self._run, name="signals-waker", daemon=True).start()
        self._waiting.set()

    def _run(self) -> None:
        while True:
            self._waiting.wait()
            # Cleared before the hint: a signal that commits meanwhile sets it again.
            self._waiting.clear()
            notify()
            sleep(DEBOUNCE_SECONDS)


def notify() -> None:
    """Send one hint; a database that cannot be reached only means that the worker finds the signal at its next poll."""

    def send() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")

    try:
        on_live_connection(send)
    except (DatabaseError, InterfaceError) as error:
        WORKER_NOT_NOTIFIED.log(error=str(error))


waker = Waker()
