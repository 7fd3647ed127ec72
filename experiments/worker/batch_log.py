"""The five log lines of every decided signal, formatted together and written after the commit (R11)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from experiments.core.decision import Decided
from kernel.events import (
    CONTEXT_CAPTURED,
    EXPERIMENT_CREATED,
    POLICY_APPLIED,
    SIGNAL_DISTRIBUTED,
    SIGNAL_RETRIEVED,
)
from kernel.values import format_timestamp

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
    lines_log.info("\n".join([_lines(decided, at) for decided in batch]))


def _lines(decided: Decided, at: str) -> str:
    """Return the lines of one signal; ids, hashes, times and words of ours hold nothing to escape."""
    signal, assignment, resolution = decided.signal, decided.assignment, decided.ruling.resolution
    return LINES % {
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
