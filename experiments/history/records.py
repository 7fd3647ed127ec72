"""The history of a database as a stream of documents: what came in, and what was decided of it when.

How many records there are comes first, then sources, then every delivery in the order of arrival, then
policy versions, market data and decisions in the order in which they happened. Read from a database, or
from a file of one JSON document a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from kernel.sql import load
from policies.core.settings import SETTINGS

Record = dict[str, Any]

COUNT = """
SELECT 'history' AS kind, (SELECT count(*) FROM webhook_sources) + (SELECT count(*) FROM webhook_deliveries)
       + (SELECT count(*) FROM policy_versions) + (SELECT count(*) FROM market_data)
       + (SELECT count(*) FROM experiments) AS records,
       ARRAY(SELECT DISTINCT assignment_key_id FROM experiments ORDER BY 1) AS assignment_key_ids
"""
SOURCES = """
SELECT 'source' AS kind, slug, name, token_hash, previous_token_hash, body_secret_hash, allowed_addresses,
       client_certificate_subject, max_age_seconds, rate_limit_per_minute, bare_sell, replay, is_active
  FROM webhook_sources ORDER BY slug
"""
DELIVERIES = """
SELECT 'delivery' AS kind, d.id, s.slug AS source, d.received_at::text, d.content_type,
       host(d.remote_address) AS remote_address, encode(d.body, 'base64') AS body, d.outcome, d.code,
       d.signal_id::text, d.alert_time::text, g.replayed
  FROM webhook_deliveries d JOIN webhook_sources s ON s.id = d.source_id LEFT JOIN signals g USING (signal_id)
 ORDER BY d.id
"""
EVENTS = load(__file__, "events.sql").replace(
    "/* decimal settings */", "".join(f", '{row.name}', {row.name}::text" for row in SETTINGS if row.kind.decimals)
)


def from_database(url: str) -> Iterator[Record]:
    """Read the history of a database, as of one moment, in little memory; nothing is written there."""
    with psycopg.connect(url, row_factory=dict_row, connect_timeout=10) as session:
        session.read_only = True
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.execute("SET LOCAL TimeZone = 'UTC'")
        yield from session.execute(COUNT)
        yield from session.execute(SOURCES)
        for name, query in (("deliveries", DELIVERIES), ("events", EVENTS)):
            with session.cursor(name=name) as cursor:
                cursor.itersize = 1000
                for row in cursor.execute(query.encode()):
                    yield json.loads(row["document"]) if "document" in row else row


def from_file(path: Path) -> Iterator[Record]:
    """Read a history that was exported; raise ValueError naming the line that is none."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            record = json.loads(line) if line.startswith("{") else None
            if not isinstance(record, dict) or "kind" not in record:
                raise ValueError(f"{path} line {number} is not a record of an export")
            yield record


def to_file(records: Iterable[Record], path: Path) -> int:
    """Write a history, one document a line; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as lines:
        for count, record in enumerate(records, 1):  # noqa: B007 (the last number is the count)
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
    return count
