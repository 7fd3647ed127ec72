"""(d) What a bar close does: thousands of alerts within one second."""

from __future__ import annotations

import time

from benchmarks.database import Connection, empty, number, wait_until_zero
from benchmarks.latency import require_commit_timestamps
from benchmarks.report import Figure, say
from benchmarks.servers import Receiver, up, web_and_peers
from benchmarks.throughput import PENDING

CONNECTIONS = 200
FLASK = "Flask + psycopg2, which decides nothing"
AFTER_LAST = """
SELECT extract(epoch FROM (SELECT max(pg_xact_commit_timestamp(xmin)) FROM experiments)
                        - (SELECT max(pg_xact_commit_timestamp(xmin)) FROM webhook_deliveries))
"""


def measure(connection: Connection, peers_url: str, *, rounds: int) -> list[Figure]:
    """The figures of (d), the worst of the rounds."""
    require_commit_timestamps(connection)
    large, small, peer = [], [], []
    with up() as product, web_and_peers(peers_url) as receivers:
        time.sleep(2)  # the start is over
        for _ in range(rounds):
            large.append(_burst(connection, product, 5_000))
            small.append(_burst(connection, product, 2_000))
            peer.append(_slowest(receivers["flask"], 5_000))
    (unanswered, slowest, after_large) = (max(values) for values in zip(*large, strict=True))
    return [
        Figure("d. 5,000 alerts in 1 s: not answered 200", unanswered, "", at_least=0, aim=0, at_most=True),
        Figure("d. 5,000 alerts in 1 s: slowest answer", slowest, "s", FLASK, max(peer), 2, 0.3, at_most=True),
        Figure("d. 5,000 alerts in 1 s: last decision after last commit", after_large, "s"),
        Figure(
            "d. 2,000 alerts in 1 s: last decision after last commit",
            *(max(after for _, _, after in small), "s"),
            at_least=1,
            aim=0.5,
            at_most=True,
        ),
    ]


def _slowest(receiver: Receiver, count: int) -> float:
    """Send the burst to a peer, which decides nothing; return its slowest answer in seconds."""
    answers = receiver.send(count, connections=CONNECTIONS, per_second=count)
    slowest = answers.percentile(100) / 1000
    say(f"(d) {FLASK}: {count} in 1 s: {dict(answers.statuses)}, slowest {slowest:.2f} s")
    return slowest


def _burst(connection: Connection, product: Receiver, count: int) -> tuple[float, float, float]:
    """Send the burst; return how many were not answered 200, the slowest answer and the last decision in seconds."""
    empty(connection)
    answers = product.send(count, connections=CONNECTIONS, per_second=count)
    wait_until_zero(connection, PENDING, seconds=60)
    lost = count - number(connection, "SELECT count(*) FROM experiments")
    assert not lost, f"{lost:.0f} alerts have no decision"
    after = number(connection, AFTER_LAST)
    slowest = answers.percentile(100) / 1000
    say(f"(d) {count} in 1 s: {dict(answers.statuses)}, slowest {slowest:.2f} s, last decision {after:.2f} s after")
    return float(count - answers.statuses["200"]), slowest, after
