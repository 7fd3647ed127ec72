"""What the controls of the race tests take away."""

from __future__ import annotations

import pytest

from outcomes.services import case


def take_locks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every report and the worker read the experiment without locking it."""
    monkeypatch.setattr(case, "LOCK", "")
