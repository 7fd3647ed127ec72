"""The statements of the webhook: one write for an alert that is new, from a source that is known.

They are SQL because an alert waits for them: a signal and its delivery go in as one statement, atomic
without a transaction around it and in one round trip. It writes nothing when the source is not as the
alert was judged by it, so that the source need not be read for every alert. The server keeps the plans
for each connection, which halves its work. Everything else uses the models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper

from signals_app.alerts.admission import KnownSource

_FIND_SOURCE = """
SELECT id, slug, token_hash, previous_token_hash, is_active, body_secret_hash, client_certificate_subject,
       max_age_seconds, rate_limit_per_minute, xmin::text, allowed_addresses
  FROM webhook_sources
 WHERE token_hash = %(hash)s OR previous_token_hash = %(hash)s
"""

# PostgreSQL gives every version of a row another xmin.
_SOURCE_IS_AS_JUDGED = """
EXISTS (SELECT FROM webhook_sources WHERE id = %(source_id)s AND xmin = %(source_version)s::xid)
"""

# Whoever comes second waits here for the first to commit, so that its next statement sees the row. The
# conflict names no column: signal_id is in two unique keys, and with one named the other would raise.
_INSERT_SIGNAL = f"""
INSERT INTO signals (signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, signal_hash,
                     raw_payload, consumed_fields, received_at, status, attempts, last_error)
SELECT %(signal_id)s, %(source)s, %(exchange)s, %(symbol)s, %(direction)s, %(timeframe)s, %(timestamp)s,
       %(strategy)s, %(signal_hash)s, %(raw_payload)s::jsonb, %(consumed_fields)s, %(received_at)s, 'PENDING', 0, ''
 WHERE {_SOURCE_IS_AS_JUDGED}
ON CONFLICT DO NOTHING
RETURNING signal_id
"""
_DELIVERY_COLUMNS = """
webhook_deliveries (received_at, source_id, remote_address, content_type, body, body_sha256, outcome, code, detail,
                    signal_id, duration_ms)
"""
_DELIVERY_VALUES = """
%(received_at)s, %(source_id)s, %(remote_address)s::inet, %(content_type)s, %(body)b, %(body_sha256)s, %(outcome)s,
%(code)s, %(detail)s, %(signal_id)s::uuid, %(duration_ms)s
"""
_INSERT_DELIVERY = f"INSERT INTO {_DELIVERY_COLUMNS} SELECT {_DELIVERY_VALUES} WHERE {_SOURCE_IS_AS_JUDGED}"
_INSERT_BOTH = f"""
WITH stored AS ({_INSERT_SIGNAL}) INSERT INTO {_DELIVERY_COLUMNS} SELECT {_DELIVERY_VALUES} FROM stored
"""  # noqa: S608

_NTH_LATEST_DELIVERY = """
SELECT received_at FROM webhook_deliveries
 WHERE source_id = %s AND received_at > %s AND outcome <> 'rejected'
 ORDER BY received_at DESC OFFSET %s LIMIT 1
"""


class SourceChangedError(Exception):
    """The source was changed after the alert was judged by it: nothing is stored, judge again."""


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal to be stored; `raw_payload` is JSON text."""

    signal_id: UUID
    source: str
    exchange: str
    symbol: str
    direction: str
    timeframe: str
    timestamp: datetime
    strategy: str
    signal_hash: str
    raw_payload: str
    consumed_fields: list[str]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery to be stored; `remote_address` None means unknown."""

    received_at: datetime
    source_id: int
    source_version: str
    remote_address: str | None
    content_type: str
    body: bytes
    body_sha256: str
    outcome: str
    code: str
    detail: str
    signal_id: UUID | None
    duration_ms: float


def find_source(token_hash: str) -> KnownSource | None:
    """Return the source with this current or previous token, active or not; None when there is none."""
    with _prepared_cursor() as cursor:
        cursor.execute(_FIND_SOURCE, {"hash": token_hash})
        row = cursor.fetchone()
    if row is None:
        return None
    # Outside of a JSONField Django hands out jsonb as text.
    columns = (*row[:-1], json.loads(row[-1]))
    return KnownSource(*columns)


def insert_signal(signal: SignalRow, delivery: DeliveryRow) -> bool:
    """Store a new signal and its delivery, both or neither.

    Return False when the signal exists, or the source has changed since the alert was judged by it.
    """
    with _prepared_cursor() as cursor:
        cursor.execute(_INSERT_BOTH, _parameters(delivery) | _parameters(signal))
        return bool(cursor.rowcount)


def insert_delivery(delivery: DeliveryRow) -> None:
    """Store a delivery that made no signal; raise SourceChangedError when the source has changed meanwhile."""
    with _prepared_cursor() as cursor:
        cursor.execute(_INSERT_DELIVERY, _parameters(delivery))
        if not cursor.rowcount:
            raise SourceChangedError


def nth_latest_delivery(source_id: int, since: datetime, number: int) -> datetime | None:
    """Return when the number-th latest delivery since then arrived; None when there were fewer.

    Rejected ones do not count.
    """
    with _prepared_cursor() as cursor:
        cursor.execute(_NTH_LATEST_DELIVERY, (source_id, since, number - 1))
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row[0] if row else None


class _PreparedCursor(psycopg.Cursor[Any]):
    """Binds parameters on the server and lets it keep the plan, which Django's cursor never does.

    Nothing is kept where the database's option `prepare_threshold` is None, as some poolers need it.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> _PreparedCursor:
        """Execute the statement, prepared."""
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


def _parameters(row: SignalRow | DeliveryRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
