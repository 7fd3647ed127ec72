"""What the worker does besides deciding: ordinary tasks of django-q, the schedules' among them, and what falls due.

An evaluation to judge, a million deliveries to index or a thousand exits to price take longer than a signal may wait,
and longer than a cluster may go without a heartbeat. So the supervisor runs them as errands, apart from the processes
that decide. A cluster that nobody supervises (`manage.py qcluster`) runs them itself, see `SignalBroker.dequeue`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from multiprocessing import Value
from queue import Queue
from threading import Event
from time import monotonic, sleep
from typing import Any

from django.db import connection
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.monitor import monitor
from django_q.pusher import pusher
from django_q.worker import worker

from experiments.worker.queue import DUE_SECONDS, DUE_WORK, ask
from experiments.worker.supervisor import LOOK_SECONDS, run_apart

# After this time no further task is begun: with the longest that one may take, well within the limit of an errand.
TASKS_SECONDS = 20.0
# What is due is done by one process for so long, and by the next one after that: one that hangs is soon replaced.
DUE_PROCESS_SECONDS = 5.0
DUE_PROCESS_LONGEST = 20.0


def run_tasks() -> None:
    """Run the tasks that wait until none does, or the time is over; one after the other.

    Through django-q's own pusher, worker and monitor: limits of time, retries and the list of failed tasks are those of
    a cluster.
    """
    broker = ORM(list_key=str(Conf.CLUSTER_NAME))
    until = monotonic() + TASKS_SECONDS
    # The pusher looks once.
    once = Event()
    once.set()
    while monotonic() < until:
        # Within one process; the cluster's lie between several.
        tasks: Any = Queue()
        results: Any = Queue()
        pusher(tasks, once, broker)
        if tasks.empty():
            return
        tasks.put("STOP")
        worker(tasks, results, Value("f", -1))
        results.put("STOP")
        monitor(results, broker)


def run_when_due(is_due: str, function: Callable[[], object], *, longest: float = DUE_PROCESS_LONGEST) -> None:
    """Add work that falls due by the clock; called once, when the apps are ready. `is_due` selects one boolean."""
    DUE_WORK.append((is_due, f"{function.__module__}.{function.__qualname__}"))
    # With the name of what it does.
    again = update_wrapper(partial(run_while_due, is_due, function), function)
    run_apart(is_due, again, every=LOOK_SECONDS, longest=longest, is_limited=True)


def run_while_due(is_due: str, function: Callable[[], object]) -> None:
    """Do it, and again a moment later while it is due, until the time is over: a process for each time costs more."""
    until = monotonic() + DUE_PROCESS_SECONDS
    still_due = True
    while still_due and monotonic() < until:
        function()
        sleep(DUE_SECONDS)
        (still_due,) = ask(connection, f"SELECT ({is_due})")
