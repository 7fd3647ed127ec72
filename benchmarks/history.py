"""(h) What a signal costs once there are a million: bytes, WAL; and how fast all of them are replayed."""

from __future__ import annotations

import json
import subprocess
import time

from benchmarks.alerts import SOURCE, copy_signals
from benchmarks.database import ROOT, Connection, empty, number, wait_until_zero
from benchmarks.processes import python, running
from benchmarks.report import Figure, say
from benchmarks.servers import up
from benchmarks.throughput import PENDING

PORTION = 20_000
TABLES = (
    "signals", "webhook_deliveries", "market_contexts", "experiments", "execution_policy", "signal_distributions",
    "waiting_signals", "worker_batches",
)  # fmt: skip
# As the webhook keeps them, one a signal.
DELIVERIES = f"""
INSERT INTO webhook_deliveries (received_at, source_id, remote_address, content_type, body, body_sha256, outcome, code,
                                detail, signal_id, duration_ms)
SELECT received_at, (SELECT id FROM webhook_sources WHERE slug = '{SOURCE}'), '127.0.0.1', 'application/json',
       convert_to(raw_payload::text, 'UTF8'), encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex'), 'accepted',
       '', '', signal_id, 1
  FROM signals WHERE signal_id = ANY(%s)
"""
CONNECTIONS = 16


def measure(connection: Connection, *, signals: int, more: int) -> list[Figure]:
    """The figures of (h): over that many signals, with some more for the WAL."""
    empty(connection)
    with running("worker", *python("manage.py", "worker"), WORKERS="2"):
        for done in range(0, signals, PORTION):
            _distribute(connection, min(PORTION, signals - done))
            say(f"(h) {min(done + PORTION, signals):,} signals")
        wait_until_zero(connection, PENDING, seconds=600)
    # With its partitions, where it has some.
    whole = (
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE oid = '{0}'::regclass"
        " OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{0}'::regclass)"
    )
    sizes = {table: number(connection, whole.format(table)) / signals for table in TABLES}
    for table, bytes_each in sizes.items():
        say(f"(h) {table}: {bytes_each:,.0f} bytes a signal")
    size = sum(sizes.values())
    with up() as product:
        time.sleep(2)  # the start is over
        # Every page that is touched from here on is written whole once: the worst that a checkpoint does.
        connection.execute("CHECKPOINT")
        before = number(connection, "SELECT pg_current_wal_lsn() - '0/0'")
        answers = product.send(more, connections=CONNECTIONS)
        assert answers.statuses == {"200": more}, dict(answers.statuses)
        wait_until_zero(connection, PENDING, seconds=120)
        wal = (number(connection, "SELECT pg_current_wal_lsn() - '0/0'") - before) / more / 1000
    say(f"(h) {wal:.1f} kB of WAL a signal")
    # As autovacuum does within a minute: whoever reads a row first notes on it that it was committed, and BRIN indexes
    # know nothing of pages that no vacuum has seen.
    connection.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}".encode())
    at = f"at {signals:,} signals"
    return [
        Figure(f"h. bytes a signal in eight tables {at}", size, "bytes", at_least=2_800, aim=2_000, at_most=True),
        Figure(f"h. WAL a signal, stored and decided, {at}", wal, "kB", at_least=35, aim=15, at_most=True),
        *(_replay(jobs, at_least) for jobs, at_least in ((1, 20_000), (2, 35_000))),
    ]


def _distribute(connection: Connection, count: int) -> None:
    """Store that many more signals with their deliveries, and let the worker decide them meanwhile."""
    with connection.transaction():
        ids = copy_signals(connection, count)
        connection.execute(DELIVERIES.encode(), (ids,))
        connection.execute("NOTIFY signals_waiting")


def _replay(jobs: int, at_least: int) -> Figure:
    command = python("manage.py", "replay", "--jobs", str(jobs), "--json")
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    run = json.loads(done.stdout)
    rate = run["verified"] / run["seconds"]
    say(f"(h) replay by {jobs}: {run['verified']:,} in all, {rate:,.0f} a second")
    name = f"h. replay, {'one core' if jobs == 1 else 'two cores'}"
    return Figure(name, rate, "/s", at_least=at_least, aim=50_000)
