"""What goes wrong: a process is killed with -9 or hangs, or the database drops sessions; drawn from a seed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random  # noqa: TID251 (faults are drawn, and their seed is printed; decisions are not)

from tests.chaos.services import Member, Service
from tests.database import rows

__all__ = ["Fault", "Random", "random_fault", "seeded"]

# Never the test's own.
SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
DROP_ALL = f"SELECT pg_terminate_backend(pid) {SESSIONS}"
DROP_ONE = f"SELECT pg_terminate_backend(pid) {SESSIONS} ORDER BY pid OFFSET %s LIMIT 1"


@dataclass(frozen=True)
class Fault:
    """What went wrong in words, and to which process and its program."""

    told: str
    victim: Member | None = None
    program: str = ""


def seeded(seed: int) -> Random:
    """Return the generator that draws the same faults for the same seed."""
    return Random(seed)  # noqa: S311 (nothing secret is drawn)


def random_fault(random: Random, services: Sequence[Service], *, hangs: bool = False) -> Fault:
    """Let one thing go wrong and return what it was; processes hang only where asked for."""
    service, chance = random.choice(services), random.random()
    if chance < 0.25:
        return drop_sessions(random)
    number, name = (signal.SIGSTOP, "STOP") if hangs and chance < 0.55 else (signal.SIGKILL, "9")
    family = service.family()
    if not family:
        return Fault("nothing was running")
    # Each program as often as any other: most processes are the cluster's, which call themselves in many ways.
    kinds = [one.program().partition(" ")[0] for one in family]
    kind = random.choice(sorted(set(kinds)))
    victim = random.choice([one for one, kind_of_one in zip(family, kinds, strict=True) if kind_of_one == kind])
    # What is being started bears the name of the one that starts it for a moment, but nothing else ends with it.
    is_itself = kind != kinds[0] or victim == family[0]
    told = f"kill -{name} {victim.pid}, one of {kinds.count(kind)} of `{victim.program()}`"
    fault = Fault(told, victim, kind if is_itself else "")
    with suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(victim.pid, number)
    service.reap()
    return fault


def drop_sessions(random: Random) -> Fault:
    """Let the database end all sessions but ours, or one of them."""
    if random.random() < 0.4:
        return Fault(f"{len(rows(DROP_ALL))} database sessions dropped")
    (count,) = rows(f"SELECT count(*) {SESSIONS}")[0]
    dropped = rows(DROP_ONE, random.randrange(count)) if count else []
    return Fault(f"{len(dropped)} of {count} database sessions dropped")
