"""Keep one django-q cluster alive and moving.

django-q2 restarts a worker that died, but it can wedge: a process that is killed while it waits on
a queue dies holding the queue's lock, and nothing runs again while the cluster's own status stays
green. So this watches the heartbeat that a drain leaves once it has come through the whole chain (`liveness`). When it
stops, the whole process group is killed and restarted. Nothing is lost, because the queue is in the database.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from time import monotonic

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from psycopg.sql import SQL, Literal

from experiments.worker.liveness import (
    HANG_LIMIT,
    HEARTBEAT_AGE_OF_CLUSTER,
    LEFT_LIMIT,
    RESTART_PAUSE_SECONDS,
    STOP_SECONDS,
    SUPERVISED,
    no_progress,
)
from experiments.worker.queue import ask
from kernel.events import (
    WORKER_DATABASE_UNAVAILABLE,
    WORKER_ERRAND_FAILED,
    WORKER_KILLED,
    WORKER_RESTARTED,
    WORKER_STARTED,
)
from kernel.processes import StopSign, beat, die_with, kill_group, let_children_die_with_us
from kernel.sql import NOTICE_LOST_HOSTS


@dataclass(slots=True)
class Errand:
    """Work that no process of the cluster may do, because it would hold up decisions.

    `every` and `longest` are seconds: between two beginnings, and until its process is killed, because it hangs.
    `is_limited` is for what waits for nobody outside: its sessions end like the cluster's if they hang.
    """

    is_due: str
    function: Callable[[], object]
    every: float
    longest: float
    is_limited: bool
    process: ForkProcess | None = None
    started_at: float = -math.inf

    @property
    def name(self) -> str:
        """The dotted path of the function."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def run(self, supervisor: int) -> None:
        """Do it in this forked process, which ends with its supervisor."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with(supervisor)
        _limit_sessions(may_idle=not self.is_limited)
        try:
            self.function()
        except (OperationalError, InterfaceError) as error:
            # It is due again once the database is back.
            WORKER_DATABASE_UNAVAILABLE.log(error=str(error))
        except Exception as error:
            WORKER_ERRAND_FAILED.log(what=self.name, error=f"{type(error).__name__}: {error}")
            # With all that led to it, into the log of the process.
            raise


# How often the database is asked, for the last heartbeat and for errands.
LOOK_SECONDS = 1.0
# Whoever is asked outside has not answered by then, and no task takes as long.
ERRAND_SECONDS = 90.0
ERRANDS: list[Errand] = []


def run_apart(
    is_due: str,
    function: Callable[[], object],
    *,
    every: float,
    longest: float = ERRAND_SECONDS,
    is_limited: bool = False,
) -> None:
    """Add an errand of an app above; called once, when the apps are ready. `is_due` selects one boolean."""
    ERRANDS.append(Errand(is_due, function, every, longest, is_limited))


def _limit_sessions(*, may_idle: bool = False) -> None:
    """Let the database end this process's session once it is killed, its host is lost, or it hangs in a transaction."""
    limits = [f"-c client_connection_check_interval={LEFT_LIMIT}", NOTICE_LOST_HOSTS]
    if not may_idle:
        limits.append(f"-c idle_in_transaction_session_timeout={HANG_LIMIT}")
    os.environ["PGOPTIONS"] = " ".join((os.environ.get("PGOPTIONS", ""), *limits))


def run_cluster(name: str, supervisor: int) -> None:
    """Run qcluster in this forked process, in a group of its own; all it forks dies with the one that forked it."""
    from django.core.management import call_command

    os.setpgid(0, 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    die_with(supervisor)
    let_children_die_with_us()
    os.environ[SUPERVISED] = name
    _limit_sessions()
    call_command("qcluster")


class ClusterSupervisor:
    """Runs qcluster in a forked child with its own process group and watches its progress.

    Forked, not started anew: all processes share the memory of what is imported here.
    """

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = StopSign()
        self.child: ForkProcess | None = None
        self.started_at = 0.0
        self._asking: object = None

    def run(self) -> None:
        """Keep the cluster alive until `stop` is called."""
        self._start()
        while not self.stopping.wait(LOOK_SECONDS):
            beat()
            reason = self._end_of_child()
            if reason is None:
                age, due = self.look()
                self.run_errands(due)
                reason = no_progress(age, since_start=monotonic() - self.started_at)
            if reason is not None:
                WORKER_RESTARTED.log(cluster=self.name, reason=reason)
                self._kill_group()
                if self.stopping.wait(RESTART_PAUSE_SECONDS):
                    break
                self._start()
        for errand in ERRANDS:
            if errand.process is not None:
                errand.process.kill()
        # Let running work finish, then end whatever is left.
        assert self.child is not None
        self.child.terminate()
        self.child.join(STOP_SECONDS)
        if self.child.is_alive():
            WORKER_KILLED.log(cluster=self.name, reason="it did not stop in time")
        self._kill_group()

    def look(self) -> tuple[float, Sequence[bool]]:
        """Seconds since the cluster's last heartbeat, infinite before the first, and which errands are due."""
        age = SQL(HEARTBEAT_AGE_OF_CLUSTER).format(Literal(self.name)).as_string()
        questions = ", ".join(f"({question})" for question in (age, *(errand.is_due for errand in ERRANDS)))
        try:
            connection.ensure_connection()
            if self._asking is not connection.connection:
                with connection.cursor() as cursor:
                    # The plans are kept: none made while a table is empty may read all of it once it is not.
                    cursor.execute("SET enable_seqscan = off")
                self._asking = connection.connection
            seconds, *due = ask(connection, f"SELECT {questions}")
        except (DatabaseError, InterfaceError) as error:
            WORKER_DATABASE_UNAVAILABLE.log(cluster=self.name, error=str(error))
            connection.close()
            # The cluster cannot write a heartbeat either; give it its starting time again once the database is back.
            self.started_at = monotonic()
            return math.inf, [False] * len(ERRANDS)
        return math.inf if seconds is None else seconds, due

    def run_errands(self, due: Sequence[bool]) -> None:
        """Begin what is due, each in a process of its own that ends with it; one at a time of a kind."""
        for errand, is_due in zip(ERRANDS, due, strict=True):
            seconds = monotonic() - errand.started_at
            if errand.process is not None and errand.process.is_alive():
                if seconds > errand.longest:
                    WORKER_ERRAND_FAILED.log(what=errand.name, error=f"killed after {seconds:.0f} s")
                    errand.process.kill()
            elif is_due and seconds >= errand.every:
                # A session must not be shared with a child.
                connection.close()
                errand.process = get_context("fork").Process(target=errand.run, args=(os.getpid(),))
                errand.process.start()
                errand.started_at = monotonic()

    def stop(self, signum: int, frame: object) -> None:
        """Handle SIGTERM and SIGINT: only set a flag, because a handler must not wait."""
        self.stopping.set()

    def _start(self) -> None:
        # A session must not be shared with a child.
        connection.close()
        # Collecting garbage touches every object and would copy the shared pages into each process.
        gc.collect()
        gc.freeze()
        self.child = get_context("fork").Process(target=run_cluster, args=(self.name, os.getpid()))
        self.child.start()
        with suppress(ProcessLookupError, PermissionError):  # the child was faster, or is gone
            os.setpgid(self.child.ident or 0, self.child.ident or 0)
        self.started_at = monotonic()
        WORKER_STARTED.log(cluster=self.name, pid=self.child.pid)

    def _end_of_child(self) -> str | None:
        """How the cluster has ended; None while it lives."""
        assert self.child is not None
        return None if self.child.is_alive() else f"the cluster ended with code {self.child.exitcode}"

    def _kill_group(self) -> None:
        assert self.child is not None
        if self.child.ident is not None:
            kill_group(self.child.ident)
        self.child.join()
