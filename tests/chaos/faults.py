"""What goes wrong: a process is killed with -9, or the database drops sessions. Chosen by a seeded generator."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from random import Random  # noqa: TID251 (faults are drawn, and their seed is printed; decisions are not)

from tests.chaos.services import Service
from tests.database import rows

__all__ = ["Random", "random_fault", "seeded"]

# Never the test's own.
SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
DROP_ALL = f"SELECT pg_terminate_backend(pid) {SESSIONS}"
DROP_ONE = f"SELECT pg_terminate_backend(pid) {SESSIONS} ORDER BY pid OFFSET %s LIMIT 1"


def seeded(seed: int) -> Random:
    """Return the generator that draws the same faults for the same seed."""
    return Random(seed)  # noqa: S311 (nothing secret is drawn)


def random_fault(random: Random, services: Sequence[Service]) -> str:
    """Let one thing go wrong and return what it was."""
    if random.random() < 0.25:
        return drop_sessions(random)
    return kill_any(random, random.choice(services))


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
