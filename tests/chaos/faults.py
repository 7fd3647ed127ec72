"""What goes wrong: a process is killed with -9 or hangs, or the database drops sessions; drawn from a seed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from random import Random  # noqa: TID251 (faults are drawn, and their seed is printed; decisions are not)

from tests.chaos.services import Service
from tests.database import rows
from tests.processes.harness import descendants

__all__ = ["Random", "random_fault", "seeded"]

# Never the test's own.
SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
DROP_ALL = f"SELECT pg_terminate_backend(pid) {SESSIONS}"
DROP_ONE = f"SELECT pg_terminate_backend(pid) {SESSIONS} ORDER BY pid OFFSET %s LIMIT 1"


def seeded(seed: int) -> Random:
    """Return the generator that draws the same faults for the same seed."""
    return Random(seed)  # noqa: S311 (nothing secret is drawn)


def random_fault(random: Random, services: Sequence[Service], *, hangs: bool = False) -> str:
    """Let one thing go wrong and return what it was; processes hang only where asked for."""
    victim, kind = random.choice(services), random.random()
    if kind < 0.25:
        return drop_sessions(random)
    if hangs and kind < 0.4:
        return stop_any_of_a_cluster(random, victim)
    return kill_any(random, victim)


def stop_any_of_a_cluster(random: Random, victim: Service) -> str:
    """Let one process of a cluster hang, as one does that waits for a disk; its supervisor goes on."""
    workers = [one for one in victim.family() if one.program() == "worker"]
    below = sorted({pid for one in workers for pid in descendants(one.pid)})
    if not below:
        return "no cluster was running"
    index = random.randrange(len(below))
    with suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(below[index], signal.SIGSTOP)
    return f"kill -STOP {below[index]}, process {index + 1} of {len(below)} of the cluster"


def kill_any(random: Random, victim: Service) -> str:
    """Kill one process of the service with -9, its main process as likely as any other."""
    family = victim.family()
    if not family:
        return "nothing was running"
    index = random.randrange(len(family))
    one = family[index]
    told = f"kill -9 {one.pid}, process {index + 1} of {len(family)}, of `{one.program()}`"
    with suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(one.pid, signal.SIGKILL)
    victim.reap()
    return told


def drop_sessions(random: Random) -> str:
    """Let the database end all sessions but ours, or one of them."""
    if random.random() < 0.4:
        return f"{len(rows(DROP_ALL))} database sessions dropped"
    (count,) = rows(f"SELECT count(*) {SESSIONS}")[0]
    dropped = rows(DROP_ONE, random.randrange(count)) if count else []
    return f"{len(dropped)} of {count} database sessions dropped"
