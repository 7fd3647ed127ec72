"""Replay: compute every decision again from what is stored and name each difference (R6).

What must hold of one experiment is in `experiments.core.verification`; what must hold of whole tables, such as that no
experiment is missing, in `completeness.sql`. Everything is read as of one moment through COPY, which the server sends
while this verifies. Long histories are read in ranges of time, which several processes can share: one transaction
writes all of an experiment, so that its rows in the other tables are of the same range. What is not found there, or
differs, is read once more by its keys, and only then is a difference.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.db.models.functions import Now
from psycopg.sql import SQL, Composable, Composed, Literal

from experiments.core.verification import Difference, PinnedPolicy, Recorded, Verifier
from experiments.history.completeness import incomplete
from experiments.keys import known_keys
from experiments.models import ReplayRun
from kernel.events import REPLAY_DIVERGED
from kernel.sql import load
from policies.models import PolicyVersion

CONDITIONS = {
    "since": SQL("e.created_at >= {}"),
    "until": SQL("e.created_at < {}"),
    "signal": SQL("e.signal_id = {}"),
    "experiment": SQL("e.experiment_id = {}"),
    "policy_version": SQL("e.policy_version = {}"),
}
ROWS = SQL(load(__file__, "replay.sql"))
# The time that the rows of an experiment in the other tables share with it. A decision bears the moment at which the
# state was read that decided: a little after the transaction began, whose time the others bear.
TIMES = {"processed": "s.processed_at", "captured": "c.created_at", "decided": "d.decided_at",
         "distributed_a": "a.distributed_at", "distributed_b": "b.distributed_at"}  # fmt: skip
LONGEST_WAIT = timedelta(seconds=1)
NOWHERE = dict.fromkeys(TIMES, SQL(""))
# Where the work of several processes is cut. What is of one time stays together, because a time is what cuts.
BOUNDARIES = SQL("""
SELECT DISTINCT created_at FROM (
    SELECT e.created_at, row_number() OVER (ORDER BY e.created_at DESC) AS number FROM experiments e WHERE {conditions}
) AS numbered WHERE number % {size} = 0 ORDER BY created_at DESC
""")
# How many experiments are read at a time: half a second of work, and few enough to sort and to keep what differs.
RANGE_SIZE = 10_000
# The text form of times, whatever the session's.
TEXT_FORM = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'"
# Plans that deliver row by row, at once and in little memory, instead of sorting or hashing whole tables; by one
# process, which is quicker than this one verifies and leaves the other cores to others.
ROW_BY_ROW = {"enable_sort": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
              "max_parallel_workers_per_gather": "0"}  # fmt: skip
# Of a range each table is read once, in the order in which it lies, instead of looked up ten thousand times.
AT_ONCE = {"enable_nestloop": "off", "enable_mergejoin": "off", "max_parallel_workers_per_gather": "0",
           "work_mem": "'64MB'"}  # fmt: skip
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# Kept with the run, so that a page can show what was wrong; a broken history would fill the table.
DIFFERENCES_KEPT = 100

Progress = Callable[[int, int], object]
# How many experiments were verified, and what differs in them.
Counted = tuple[int, tuple[Difference, ...]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which experiments to replay; None means all. Times are when the experiment was created."""

    since: datetime | None = None
    until: datetime | None = None
    signal: UUID | None = None
    experiment: UUID | None = None
    policy_version: int | None = None

    def document(self) -> dict[str, str]:
        """What was asked for, as text."""
        return {field.name: str(value) for field in fields(self) if (value := getattr(self, field.name)) is not None}

    def is_of_time(self) -> bool:
        """Whether it is all of a span of time, which may be endless."""
        return self == Selection(since=self.since, until=self.until)

    def conditions(self) -> Composed:
        """The condition on experiments `e`."""
        conditions = [
            condition.format(Literal(value))
            for name, condition in CONDITIONS.items()
            if (value := getattr(self, name)) is not None
        ]
        return SQL(" AND ").join([SQL("true"), *conditions])


class Verified(NamedTuple):
    """One experiment that was replayed; no differences means equal. Without an identity: a whole table."""

    identity: str | None
    differences: tuple[Difference, ...]


def replay(selection: Selection) -> Iterator[Verified]:
    """Verify the selected experiments one after the other, the newest first, in constant memory.

    When everything is selected, what must hold of whole tables comes last.
    """
    with _snapshot() as session:
        verifier = verifier_of_now()
        for part in _ranges(selection):
            yield from _replay(session, part, verifier)
        if selection == Selection():
            yield from (Verified(None, (difference,)) for difference in incomplete())


def stored_experiments(selection: Selection) -> Iterator[Recorded]:
    """The selected experiments as they are stored, to be kept or verified elsewhere."""
    with _snapshot() as session:
        yield from _recorded(session, selection.conditions())


def run_replay(
    selection: Selection,
    *,
    run_by: str,
    jobs: int = 1,
    progress: Progress | None = None,
    found: Callable[[Difference], object] | None = None,
) -> ReplayRun:
    """Verify the selected experiments, in `jobs` processes, and keep what came of it.

    `progress` is called with how many are verified and how many there are, `found` with each difference as it is found,
    in the same order whatever the number of jobs; nothing grows with their number.
    """
    total = count(selection)
    counted: Iterator[Counted]
    if jobs > 1:
        counted = _in_processes(selection, jobs)
    else:
        counted = ((one.identity is not None, one.differences) for one in replay(selection))
    return keep_run(counted, total, selection.document(), run_by=run_by, progress=progress, found=found)


def keep_run(
    counted: Iterable[Counted],
    total: int,
    selection: dict[str, str],
    *,
    run_by: str,
    progress: Progress | None = None,
    found: Callable[[Difference], object] | None = None,
) -> ReplayRun:
    """Keep what a verification comes to: how many it verified at a time, and what differs."""
    begun = time.monotonic()
    verified = differences = 0
    first: list[Difference] = []
    for more, what_differs in counted:
        verified += more
        for difference in what_differs:
            differences += 1
            first += [difference] * (len(first) < DIFFERENCES_KEPT)
            REPLAY_DIVERGED.log(
                experiment_id=difference.experiment_id, signal_id=difference.signal_id, field=difference.field
            )
            if found is not None:
                found(difference)
        if progress is not None:
            progress(verified, max(total, verified))
    seconds = time.monotonic() - begun
    return ReplayRun.objects.create(
        started_at=Now() - timedelta(seconds=seconds),
        seconds=round(seconds, 3),
        selection=selection,
        verified=verified,
        differences=differences,
        first_differences=[difference._asdict() for difference in first],
        run_by=run_by,
    )


def count(selection: Selection) -> int:
    """How many experiments are selected."""
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT count(*) FROM experiments e WHERE {}").format(selection.conditions()))
        return int(cursor.fetchone()[0])


@contextmanager
def _snapshot(name: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """Read everything as of one moment: that of an exported snapshot, or the present.

    A transaction that runs already keeps its own rules.
    """
    begins = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if begins:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if name is not None:
            cursor.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(Literal(name)))
        cursor.execute(TEXT_FORM)
        yield connection.connection


def verifier_of_now() -> Verifier:
    """A verifier that knows every policy version, and the keys that are set."""
    policies = {
        str(policy.version): PinnedPolicy(policy.content, policy.content_hash)
        for policy in PolicyVersion.objects.iterator()
    }
    return Verifier(policies, known_keys())


def _ranges(selection: Selection) -> list[Selection]:
    """The selection in parts that are read at once, the newest first; one that is not of a time alone stays whole."""
    if not selection.is_of_time():
        return [selection]
    with connection.cursor() as cursor:
        cursor.execute(BOUNDARIES.format(conditions=selection.conditions(), size=Literal(RANGE_SIZE)))
        cuts = [selection.until, *(row[0] for row in cursor.fetchall()), selection.since]
    return [replace(selection, since=since, until=until) for until, since in pairwise(cuts)]


def _replay(session: psycopg.Connection[Any], selection: Selection, verifier: Verifier) -> Iterator[Verified]:
    """Verify one of the ranges."""
    doubtful: list[str] = []
    if selection.is_of_time():
        for recorded in _recorded(session, selection.conditions(), AT_ONCE, _spans(selection)):
            if verifier.differences(recorded):
                doubtful.append(recorded.experiment_id)
            else:
                yield Verified(recorded.experiment_id, ())
        if not doubtful:
            return
        conditions = SQL("e.experiment_id = ANY({})").format(Literal(doubtful))
    else:
        conditions = selection.conditions()
    for recorded in _recorded(session, conditions):
        yield Verified(recorded.experiment_id, verifier.differences(recorded))


def _spans(selection: Selection) -> dict[str, Composable]:
    """The span of each table's rows."""
    spans: dict[str, Composable] = {}
    for name, column in TIMES.items():
        late = LONGEST_WAIT if name == "decided" else timedelta()
        ends = (">=", selection.since), ("<", selection.until and selection.until + late)
        spans[name] = SQL(" ").join(
            SQL(f"AND {column} {sign} {{}}").format(Literal(end)) for sign, end in ends if end is not None
        )
    return spans


def _recorded(
    session: psycopg.Connection[Any],
    conditions: Composable,
    planner: Mapping[str, str] = ROW_BY_ROW,
    spans: Mapping[str, Composable] = NOWHERE,
) -> Iterator[Recorded]:
    with session.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {name} = {value}" for name, value in planner.items()))
        rows = ROWS.format(conditions=conditions, **spans)
        with cursor.copy(SQL("COPY ({rows}) TO STDOUT").format(rows=rows)) as copy:
            for line in (str(raw, "utf-8") for raw in copy):
                columns: list[str | None] = line[:-1].split("\t")  # type: ignore[assignment]  # list is invariant
                if "\\" in line:
                    # The text format of COPY: \N is NULL, all else stands for a character.
                    columns = [
                        None
                        if text == "\\N"
                        else ESCAPED.sub(lambda match: ESCAPES.get(match[1], match[1]), text or "")
                        for text in columns
                    ]
                yield Recorded._make(columns)
        cursor.execute("; ".join(f"SET LOCAL {name} = DEFAULT" for name in planner))


def _in_processes(selection: Selection, jobs: int) -> Iterator[Counted]:
    """Verify ranges of one moment in several processes; yield how many each verified and what differs, in order."""
    # Forked while no session is open: one must not be shared with a child.
    connection.close()
    with get_context("fork").Pool(jobs) as pool, _snapshot(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone()
        yield from pool.imap(partial(_verify_range, name), _ranges(selection))
        if selection == Selection():
            yield from ((0, (difference,)) for difference in incomplete())


def _verify_range(snapshot: str, selection: Selection) -> Counted:
    verified = 0
    found: list[Difference] = []
    with _snapshot(snapshot) as session:
        for one in _replay(session, selection, verifier_of_now()):
            verified += 1
            found += one.differences
    return verified, tuple(found)
