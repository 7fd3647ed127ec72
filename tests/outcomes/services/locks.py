"""What the controls of the race tests take away."""

from __future__ import annotations

import pytest

from outcomes.services import amendments, case, directives, due, recommendations


def take_locks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every report and the worker read the experiment without locking it."""
    for module in (case, directives, due, recommendations, amendments):
        monkeypatch.setattr(module, "lock_experiment", case.read_experiment)
