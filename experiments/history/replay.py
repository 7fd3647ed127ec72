"""Replay: compute every decision again from what is stored and name each difference (R6).

What must hold of one experiment stands in `verification.py`; what must hold of whole tables, such as that
no experiment is missing, in `completeness.py`. One snapshot, and one row at a time through COPY, which the
server sends while this verifies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection, transaction
from psycopg.sql import SQL, Composed, Literal

from experiments.core.quick_verification import QuickVerifier
from experiments.core.verification import Comparison, PinnedPolicy, Recorded
from experiments.history.completeness import incomplete
from policies.models import PolicyVersion
from policies.selectors import settings_of

# Every column that a verification takes, in its order.
COLUMNS = {
    "experiment_id": "e.experiment_id", "signal_id": "e.signal_id", "signal_hash": "e.signal_hash",
    "variant": "e.variant", "assignment_hash": "e.assignment_hash", "bucket": "e.bucket",
    "split_percentage": "e.split_percentage", "policy_version": "e.policy_version", "created_at": "e.created_at",
    "source": "s.source", "exchange": "s.exchange", "symbol": "s.symbol", "direction": "s.direction",
    "timeframe": "s.timeframe", "timestamp": "s.timestamp", "strategy": "s.strategy",
    "stored_signal_hash": "s.signal_hash", "payload": "s.raw_payload",
    "consumed_fields": "array_to_json(s.consumed_fields)", "status": "s.status",
    "processed_at": "s.processed_at", "context": "c.context", "context_hash": "c.context_hash",
    "captured_at": "c.created_at", "execution_mode": "d.execution_mode", "executed_engine": "d.executed_engine",
    "shadow_engine": "d.shadow_engine", "reason": "d.reason", "decided_version": "d.policy_version",
    "rules_version": "d.rules_version", "inputs": "d.inputs", "decision_hash": "d.decision_hash",
    "decided_at": "d.decided_at", "context_hash_a": "a.context_hash", "distributed_at_a": "a.distributed_at",
    "context_hash_b": "b.context_hash", "distributed_at_b": "b.distributed_at",
}  # fmt: skip
CONDITIONS = {
    "since": SQL("e.created_at >= {}"),
    "until": SQL("e.created_at < {}"),
    "signal": SQL("e.signal_id = {}"),
    "experiment": SQL("e.experiment_id = {}"),
    "policy_version": SQL("e.policy_version = {}"),
}
# In the order of an index, so that the first row comes at once and nothing has to be sorted.
ROWS = SQL("""
SELECT {columns}
  FROM experiments e
  LEFT JOIN signals s USING (signal_id)
  LEFT JOIN market_contexts c USING (signal_id)
  LEFT JOIN execution_policy d USING (experiment_id)
  LEFT JOIN signal_distributions a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
  LEFT JOIN signal_distributions b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
 WHERE {conditions}
 ORDER BY e.created_at DESC, e.experiment_id
""")
COPY = SQL("COPY ({rows}) TO STDOUT")
# The text form of times, whatever the session's.
TEXT_FORM = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'"
# Plans that deliver row by row, at once and in little memory, instead of sorting or hashing whole tables; by one
# process, which is quicker than this one verifies and leaves the other cores to others.
PLANNER = {"enable_sort": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
           "max_parallel_workers_per_gather": "0"}  # fmt: skip
ROW_BY_ROW = "; ".join(f"SET LOCAL {name} = {value}" for name, value in PLANNER.items())
AS_EVER = "; ".join(f"SET LOCAL {name} = DEFAULT" for name in PLANNER)
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which experiments to replay; None means all. Times are when the experiment was created."""

    since: datetime | None = None
    until: datetime | None = None
    signal: UUID | None = None
    experiment: UUID | None = None
    policy_version: int | None = None

    def document(self) -> dict[str, str]:
        """Return what was asked for, as text."""
        return {field.name: str(value) for field in fields(self) if (value := getattr(self, field.name)) is not None}


@dataclass(frozen=True, slots=True)
class Difference:
    """One stored value that does not follow from the stored inputs; ids are None where there is no experiment."""

    experiment_id: UUID | None
    signal_id: UUID | None
    field: str
    stored: str
    recomputed: str


class Verified(NamedTuple):
    """One experiment that was replayed; no differences means equal. Without an identity: a whole table."""

    identity: str | None
    differences: tuple[Difference, ...]

    @property
    def experiment_id(self) -> UUID | None:
        """The experiment; made from its text only where somebody wants it, because that takes time."""
        return UUID(self.identity) if self.identity else None


def replay(selection: Selection) -> Iterator[Verified]:
    """Verify the selected experiments one after the other, the newest first, in constant memory.

    When everything is selected, what must hold of whole tables comes last.
    """
    with _snapshot() as session:
        verifier = QuickVerifier(_policies())
        for recorded in _recorded(session, selection):
            yield _verified(recorded, verifier.differences(recorded))
        if selection == Selection():
            yield from (Verified(None, (Difference(None, None, *one),)) for one in incomplete())


def stored_experiments(selection: Selection) -> Iterator[Recorded]:
    """Return the selected experiments as they are stored, to be kept or verified elsewhere."""
    with _snapshot() as session:
        yield from _recorded(session, selection)


def count(selection: Selection) -> int:
    """Return how many experiments are selected."""
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT count(*) FROM experiments e WHERE {}").format(_conditions(selection)))
        return int(cursor.fetchone()[0])


def verify_experiment(identity: UUID) -> list[Difference]:
    """Replay one experiment; an empty list means that everything stored follows from its inputs."""
    return [difference for one in replay(Selection(experiment=identity)) for difference in one.differences]


def _verified(recorded: Recorded, differences: tuple[Comparison, ...]) -> Verified:
    if not differences:
        return Verified(recorded.experiment_id, ())
    ids = UUID(recorded.experiment_id), UUID(recorded.signal_id)
    return Verified(recorded.experiment_id, tuple(Difference(*ids, *one) for one in differences))


@contextmanager
def _snapshot() -> Iterator[psycopg.Connection[Any]]:
    """Read everything as of one moment; a transaction that runs already keeps its own rules."""
    begins = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if begins:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(TEXT_FORM)
        yield connection.connection


def _policies() -> dict[str, PinnedPolicy]:
    return {
        str(policy.version): PinnedPolicy(settings_of(policy), policy.content_hash)
        for policy in PolicyVersion.objects.iterator()
    }


def _recorded(session: psycopg.Connection[Any], selection: Selection) -> Iterator[Recorded]:
    assert tuple(COLUMNS) == Recorded._fields
    rows = ROWS.format(
        columns=SQL(", ").join(SQL(column) for column in COLUMNS.values()), conditions=_conditions(selection)
    )
    with session.cursor() as cursor:
        cursor.execute(ROW_BY_ROW)
        with cursor.copy(COPY.format(rows=rows)) as copy:
            for line in copy:
                yield Recorded._make(_fields(str(line, "utf-8")))
        cursor.execute(AS_EVER)


def _conditions(selection: Selection) -> Composed:
    conditions = [
        condition.format(Literal(value))
        for name, condition in CONDITIONS.items()
        if (value := getattr(selection, name)) is not None
    ]
    return SQL(" AND ").join([SQL("true"), *conditions])


def _fields(line: str) -> list[str | None]:
    r"""Return the fields of a line of COPY's text format, in which \N is NULL."""
    fields: list[str | None] = line[:-1].split("\t")  # type: ignore[assignment]  # list is invariant
    if "\\" in line:
        return [None if field == "\\N" else _unescaped(field) for field in fields]  # type: ignore[arg-type]
    return fields


def _unescaped(field: str) -> str:
    return ESCAPED.sub(lambda match: ESCAPES.get(match[1], match[1]), field)
