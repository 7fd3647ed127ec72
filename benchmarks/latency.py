"""(b) From the commit of an alert to the commit of its decision, both by the database's commit timestamps."""

from __future__ import annotations

import time

from benchmarks.database import Connection, empty, wait_until_zero
from benchmarks.load import percentile
from benchmarks.report import Figure, say
from benchmarks.servers import Receiver, up
from benchmarks.throughput import PENDING

# The delivery is written with the signal and never changed, so its commit is the signal's.
WAITED = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(e.xmin) - pg_xact_commit_timestamp(d.xmin))::float8 * 1000
  FROM webhook_deliveries d JOIN experiments e USING (signal_id)
"""
CONNECTIONS = 4


def measure(connection: Connection, *, seconds: int) -> list[Figure]:
    """The figures of (b), for few and for many alerts a second."""
    require_commit_timestamps(connection)
    with up() as product:
        time.sleep(2)  # the start is over
        return _measure(connection, product, 5, seconds) + _measure(connection, product, 100, seconds // 2)


def require_commit_timestamps(connection: Connection) -> None:
    """Refuse a server that does not keep them."""
    if connection.execute("SHOW track_commit_timestamp").fetchone() != ("on",):
        raise SystemExit("Set track_commit_timestamp = on at the server of DATABASE_URL: latencies are read from it.")


def waiting_times(connection: Connection) -> list[float]:
    """How long each alert waited for its decision, in milliseconds, once none is pending."""
    wait_until_zero(connection, PENDING, seconds=60)
    return [float(row[0]) for row in connection.execute(WAITED.encode())]


def _measure(connection: Connection, product: Receiver, per_second: int, seconds: int) -> list[Figure]:
    empty(connection)
    count = per_second * seconds
    answers = product.send(count, connections=CONNECTIONS, per_second=per_second, keep_alive=False)
    assert answers.statuses == {"200": count}, dict(answers.statuses)
    times = waiting_times(connection)
    figures = []
    for percent, bounds in ((50, (25.0, 12.0)), (95, (80.0, 80.0)), (99, (None, None))):
        name = f"b. commit to decision at {per_second}/s, p{percent}"
        figures.append(Figure(name, percentile(times, percent), "ms", at_least=bounds[0], aim=bounds[1], at_most=True))
        say(f"({name[0]}){name[2:]}: {figures[-1].value:.1f} ms")
    return figures
