"""(a) Signals per second through real worker processes, peers in turn, the middle of several rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from benchmarks.alerts import copy_signals
from benchmarks.database import Connection, empty, number, wait_until_zero
from benchmarks.peers import procrastinate_worker, pure_sql
from benchmarks.processes import python, running
from benchmarks.report import Figure, say

ONE, TWO = "worker, 1 process", "worker, 2 processes"
SQL = "one SQL statement per 500"
TASKS = "django-q2, a task per signal"
TASKS_SQL = "django-q2, a task per signal, our statement"
JOBS = "procrastinate, a job per signal"
PENDING = "SELECT EXISTS (SELECT FROM pending_signals)::int"
# Peers that have a queue of their own take nothing from ours.
QUEUED_TASKS = "SELECT EXISTS (SELECT FROM django_q_ormq)::int"
QUEUED_JOBS = "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))::int"
# Ends long before somebody wonders: the slowest peer does 50 a second at least.
LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class Contestant:
    """One way to process signals: how its processes start, how it learns of signals, what it does here."""

    name: str
    signals: int
    start: Callable[[], AbstractContextManager[object]]
    queue: Callable[[Sequence[UUID]], object] = lambda _: None
    waits: str = PENDING
    work: Callable[[Connection], object] = lambda connection: connection.execute("NOTIFY signals_waiting")


def measure(connection: Connection, *, rounds: int, signals: int, peer_signals: int) -> list[Figure]:
    """The figures of (a)."""
    procrastinate_worker.install()
    contestants = [
        Contestant(ONE, signals, partial(_worker, 1)),
        Contestant(SQL, signals, nullcontext, work=pure_sql.process_all),
        Contestant(TWO, signals, partial(_worker, 2)),
        Contestant(TASKS, peer_signals, _django_q, partial(_queue_tasks, "decide_with_models"), QUEUED_TASKS),
        Contestant(JOBS, peer_signals, _procrastinate, procrastinate_worker.defer, QUEUED_JOBS),
        Contestant(TASKS_SQL, peer_signals, _django_q, partial(_queue_tasks, "decide_with_statement"), QUEUED_TASKS),
    ]
    rates: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for turn in range(rounds):
        # Forward and back, so that a machine that gets slower favours nobody.
        for contestant in contestants[:: -1 if turn % 2 else 1]:
            rates[contestant.name].append(_rate(connection, contestant))
            say(f"(a) {turn + 1}/{rounds}  {contestant.name}: {rates[contestant.name][-1]:,.0f} signals/s")
    return _figures({name: statistics.median(found) for name, found in rates.items()})


def _figures(rate: dict[str, float]) -> list[Figure]:
    targets = {TASKS: (25.0, 40.0), JOBS: (25.0, 40.0), TASKS_SQL: (None, None), SQL: (0.65, 0.9)}
    figures = [
        Figure(f"a. signals/s, {ONE}", rate[ONE], "/s", peer, rate[peer], at_least, aim)
        for peer, (at_least, aim) in targets.items()
    ]
    return [*figures, Figure(f"a. signals/s, {TWO}", rate[TWO], "/s", ONE, rate[ONE], 1.4, 1.6)]


def _rate(connection: Connection, contestant: Contestant) -> float:
    """Return signals per second, from the commit of the signals until none waits."""
    empty(connection)
    with contestant.start():
        _process(connection, contestant, 100)  # once it is done, everything runs and is warm
        seconds = _process(connection, contestant, contestant.signals)
    made = number(connection, "SELECT count(*) FROM signal_distributions")
    assert made == 2 * (100 + contestant.signals), f"{contestant.name} made {made:.0f} distributions"
    return contestant.signals / seconds


def _process(connection: Connection, contestant: Contestant, count: int) -> float:
    with connection.transaction():
        ids = copy_signals(connection, count)
        connection.execute("ANALYZE signals, waiting_signals")
    contestant.queue(ids)
    started = time.perf_counter()
    contestant.work(connection)
    return wait_until_zero(connection, contestant.waits, seconds=LIMIT_SECONDS) - started


def _worker(processes: int) -> AbstractContextManager[object]:
    return running("worker", *python("manage.py", "worker"), WORKERS=str(processes))


def _django_q() -> AbstractContextManager[object]:
    settings = "benchmarks.peers.task_per_signal_settings"
    return running("django-q", *python("manage.py", "qcluster"), DJANGO_SETTINGS_MODULE=settings)


def _procrastinate() -> AbstractContextManager[object]:
    return running(
        "procrastinate",
        *python("-m", "benchmarks.peers.procrastinate_worker"),
        DJANGO_SETTINGS_MODULE="orchestrator_site.settings",
    )


def _queue_tasks(function: str, signal_ids: Sequence[UUID]) -> None:
    """Store one task per signal, as async_task would, in one transaction."""
    from django.utils import timezone
    from django_q.models import OrmQ
    from django_q.signing import SignedPackage

    tasks = []
    for signal_id in signal_ids:
        task = {
            "id": signal_id.hex,
            "name": signal_id.hex,
            "func": f"benchmarks.peers.tasks.{function}",
            "args": (str(signal_id),),
            "kwargs": {},
            "started": timezone.now(),
        }
        tasks.append(OrmQ(key="orchestrator", payload=SignedPackage.dumps(task), lock=timezone.now()))
    OrmQ.objects.bulk_create(tasks)
