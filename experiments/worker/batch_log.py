"""The five log lines of every decided signal, formatted together and written after the commit (R11)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from experiments.core.decision import Decided
from kernel.instants import format_timestamp

# Lines are rendered here, because one call per line costs more than deciding the signal.
lines_log = logging.getLogger("orchestrator.lines")

# Event and fields of each line, in the order of the flow.
EVENTS = (
    ("signal.retrieved", ("signal_id", "symbol", "direction", "timestamp")),
    ("context.captured", ("signal_id", "context_hash")),
    ("experiment.created", ("experiment_id", "signal_id", "variant", "assignment_hash")),
    ("policy.applied", ("experiment_id", "execution_mode", "executed_engine", "reason", "policy_version")),
    ("signal.distributed", ("experiment_id", "signal_id", "engines", "context_hash")),
)


def _template(event: str, fields: Sequence[str]) -> str:
    head = json.dumps({"event": event, "level": "info", "logger": __name__})[:-1]
    members = [f'"{name}": %({name})s' for name in ("at", *fields)]
    return f"{head}, {', '.join(members)}}}"


# One format for all lines of a signal; its values are JSON already.
LINES = "\n".join(_template(event, fields) for event, fields in EVENTS)


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
        "timestamp": f'"{format_timestamp(signal.timestamp)}"',
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
