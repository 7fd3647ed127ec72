"""What the controls of the race tests take away."""

from __future__ import annotations

from uuid import UUID

import pytest

from experiments.models import ExecutionDecision
from outcomes.services import amendments, due, recommendations, settling, transactions


def without_lock(experiment_id: UUID) -> ExecutionDecision:
    return ExecutionDecision.objects.select_related("policy_version", "experiment__signal").get(pk=experiment_id)


def take_locks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every report and the worker read the experiment without locking it."""
    for module in (transactions, settling, due, recommendations, amendments):
        monkeypatch.setattr(module, "lock_experiment", without_lock)
