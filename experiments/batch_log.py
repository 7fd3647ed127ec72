"""The five log lines of every decided signal, formatted together and written after the commit (R11)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from experiments.decision import Decided
from signals_app.hashing import format_timestamp

# Lines are rendered here, because one call per line costs more than deciding the signal.
lines_log = logging.getLogger("orchestrator.lines")


def log_decided(batch: Sequence[Decided]) -> None:
    """Log retrieval, context, experiment, policy and distribution of each signal, one JSON object a line."""
    if not batch or not lines_log.isEnabledFor(logging.INFO):
        return
    at = format_timestamp(datetime.now(UTC))
    lines = (
        json.dumps({"event": event, "level": "info", "logger": __name__, "at": at, **fields})
        for decided in batch
        for event, fields in _events(decided)
    )
    lines_log.info("\n".join(lines))


def _events(decided: Decided) -> Iterator[tuple[str, dict[str, Any]]]:
    signal, assignment, resolution = decided.signal, decided.assignment, decided.ruling.resolution
    signal_id, experiment_id = str(signal.signal_id), str(decided.experiment_id)
    yield (
        "signal.retrieved",
        {
            "signal_id": signal_id,
            "symbol": signal.symbol,
            "direction": signal.direction,
            "timestamp": format_timestamp(signal.timestamp),
        },
    )
    yield "context.captured", {"signal_id": signal_id, "context_hash": decided.context_hash}
    yield (
        "experiment.created",
        {
            "experiment_id": experiment_id,
            "signal_id": signal_id,
            "variant": assignment.variant,
            "assignment_hash": assignment.assignment_hash,
        },
    )
    yield (
        "policy.applied",
        {
            "experiment_id": experiment_id,
            "execution_mode": resolution.execution_mode,
            "executed_engine": resolution.executed_engine,
            "reason": resolution.reason,
            "policy_version": decided.policy_version,
        },
    )
    yield (
        "signal.distributed",
        {"experiment_id": experiment_id, "signal_id": signal_id, "engines": "AB", "context_hash": decided.context_hash},
    )
