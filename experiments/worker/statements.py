"""What a decided batch leaves behind: its rows, in one statement, and its log lines, written after the commit (R11)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from django.db import connection

from experiments.core.decision import Decided
from kernel.events import (
    CONTEXT_CAPTURED,
    EXPERIMENT_CREATED,
    POLICY_APPLIED,
    SIGNAL_DISTRIBUTED,
    SIGNAL_RETRIEVED,
)
from kernel.sql import load
from kernel.values import format_timestamp
from policies.core.rules import RULES_VERSION

# Arrays with binary parameters through psycopg's own cursor: Django's binds in Python, which costs a third of the time
# at this size (docs/adr/0004-worker.md).
STORE = load(__file__, "store.sql")


def store(
    batch: Sequence[Decided], token: UUID, *, policy_version: int, split_percentage: object, decided_at: datetime
) -> None:
    """Write the rows of all decided signals; the unique keys refuse a second experiment (R2.1, R10.1).

    `decided_at` is the instant at which the state that decided was read: one state, so one ruling for
    each variant. A batch that is decided as a whole is deleted from the claimed work.
    """
    rulings = {d.assignment.variant: d.ruling for d in batch}
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            STORE,
            {
                "token": token,
                "policy_version": policy_version,
                "split_percentage": split_percentage,
                "decided_at": decided_at,
                "rules_version": RULES_VERSION,
                "signal_id": [d.signal.signal_id for d in batch],
                "signal_hash": [d.signal.signal_hash for d in batch],
                "context": [d.context for d in batch],
                "context_hash": [d.context_hash for d in batch],
                "experiment_id": [d.experiment_id for d in batch],
                "variant": [d.assignment.variant for d in batch],
                "assignment_hash": [d.assignment.assignment_hash for d in batch],
                "bucket": [d.assignment.bucket for d in batch],
                "ruled_variant": list(rulings),
                "execution_mode": [ruling.resolution.execution_mode for ruling in rulings.values()],
                "executed_engine": [ruling.resolution.executed_engine for ruling in rulings.values()],
                "shadow_engine": [ruling.resolution.shadow_engine for ruling in rulings.values()],
                "reason": [ruling.resolution.reason for ruling in rulings.values()],
                "inputs": [ruling.inputs for ruling in rulings.values()],
                "decision_hash": [ruling.decision_hash for ruling in rulings.values()],
            },
            # Reading the state ends in a rollback to a savepoint, after which psycopg forgets what is prepared.
            prepare=False,
        )


# Lines are rendered here, because one call per line costs more than deciding the signal.
lines_log = logging.getLogger("orchestrator.lines")

# In the order of the flow; one format for all lines of a signal, whose values are JSON already.
LINES = "\n".join(
    event.template()
    for event in (SIGNAL_RETRIEVED, CONTEXT_CAPTURED, EXPERIMENT_CREATED, POLICY_APPLIED, SIGNAL_DISTRIBUTED)
)


def log_decided(batch: Sequence[Decided]) -> None:
    """Log retrieval, context, experiment, policy and distribution of each signal, one JSON object a line."""
    if not batch or not lines_log.isEnabledFor(logging.INFO):
        return
    at = f'"{format_timestamp(datetime.now(UTC))}"'
    lines = []
    for decided in batch:
        signal, assignment, resolution = decided.signal, decided.assignment, decided.ruling.resolution
        # Ids, hashes, times and words of ours hold nothing to escape.
        lines.append(
            LINES
            % {
                "at": at,
                "signal_id": f'"{signal.signal_id}"',
                "symbol": json.dumps(signal.symbol),
                "direction": f'"{signal.direction}"',
                "timestamp": f'"{signal.timestamp}"',
                "context_hash": f'"{decided.context_hash}"',
                "experiment_id": f'"{decided.experiment_id}"',
                "variant": f'"{assignment.variant}"',
                "assignment_hash": f'"{assignment.assignment_hash}"',
                "execution_mode": f'"{resolution.execution_mode}"',
                "executed_engine": f'"{resolution.executed_engine}"' if resolution.executed_engine else "null",
                "reason": f'"{resolution.reason}"',
                "policy_version": decided.policy_version,
                "engines": '"AB"',
            }
        )
    lines_log.info("\n".join(lines))
