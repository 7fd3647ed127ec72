"""(e) Memory of a worker with its cluster, idle and after work; (f) what idling costs, database included."""

from __future__ import annotations

import time

from benchmarks.alerts import copy_signals
from benchmarks.database import Connection, empty, number, wait_until_zero
from benchmarks.processes import cpu_seconds, family, pss_mib, python, running, server_pids, wait_for
from benchmarks.report import Figure, say
from benchmarks.throughput import PENDING

PORTION = 10_000


def measure(connection: Connection, *, idle_seconds: int, signals: int) -> list[Figure]:
    """The figures of (e) and (f) of one `manage.py worker`."""
    empty(connection)
    connection.execute("DELETE FROM worker_heartbeats")
    with running("worker", *python("manage.py", "worker")) as worker:
        wait_for(lambda: number(connection, "SELECT count(*) FROM worker_heartbeats"), "the first heartbeat")
        time.sleep(5)  # the start is over
        idle = pss_mib(family(worker.pid))
        say(f"(e) idle: {idle:.0f} MiB in {len(family(worker.pid))} processes")
        busy = _idle_cpu(connection, worker.pid, idle_seconds)
        for done in range(0, signals, PORTION):
            with connection.transaction():
                copy_signals(connection, min(PORTION, signals - done))
            wait_until_zero(connection, PENDING, seconds=120)
        after = pss_mib(family(worker.pid))
        say(f"(e) after {signals:,} signals: {after:.0f} MiB")
    return [
        Figure("e. memory (PSS) of worker and cluster, idle", idle, "MiB", at_least=120, aim=90, at_most=True),
        Figure(f"e. the same after {signals:,} signals", after, "MiB", at_least=160, aim=120, at_most=True),
        Figure(f"f. idle CPU over {idle_seconds} s, cluster", busy[0], "%"),
        Figure("f. idle CPU, cluster and database", sum(busy), "%", at_least=2, aim=1, at_most=True),
    ]


def _idle_cpu(connection: Connection, worker: int, seconds: int) -> tuple[float, float]:
    """What percentage of one core the cluster and the database use while nothing happens."""
    before = cpu_seconds(family(worker)), cpu_seconds(server_pids(connection))
    time.sleep(seconds)
    after = cpu_seconds(family(worker)), cpu_seconds(server_pids(connection))
    cluster, server = (100 * (late - early) / seconds for early, late in zip(before, after, strict=True))
    say(f"(f) idle: cluster {cluster:.2f} %, database {server:.2f} % of a core")
    return cluster, server
