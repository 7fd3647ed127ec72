"""A run of the replay from beginning to end: verified, counted, logged and kept (R6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from django.db.models.functions import Now

from experiments.history.preview import Progress
from experiments.history.replay import Difference, Selection, count, replay
from experiments.models import ReplayRun
from kernel.events import REPLAY_DIVERGED

# Kept with the run, so that a page can show what was wrong; a broken history would fill the table.
DIFFERENCES_KEPT = 100


def run_replay(
    selection: Selection,
    *,
    run_by: str,
    progress: Progress | None = None,
    found: Callable[[Difference], object] | None = None,
) -> ReplayRun:
    """Verify the selected experiments and keep what came of it.

    `progress` is called with how many are verified and how many there are, `found` with each difference as
    it is found; nothing grows with their number.
    """
    begun, total = time.monotonic(), count(selection)
    verified = differences = 0
    first: list[Difference] = []
    for one in replay(selection):
        verified += one.identity is not None
        for difference in one.differences:
            differences += 1
            first += [difference] * (len(first) < DIFFERENCES_KEPT)
            _report(difference, found)
        if progress is not None:
            progress(verified, max(total, verified))
    seconds = time.monotonic() - begun
    return ReplayRun.objects.create(
        started_at=Now() - timedelta(seconds=seconds),
        seconds=round(seconds, 3),
        selection=selection.document(),
        verified=verified,
        differences=differences,
        first_differences=[document(difference) for difference in first],
        run_by=run_by,
    )


def document(difference: Difference) -> dict[str, str | None]:
    """Return a difference as JSON; ids are null where there is no experiment."""
    return {name: None if value is None else str(value) for name, value in asdict(difference).items()}


def _report(difference: Difference, found: Callable[[Difference], object] | None) -> None:
    REPLAY_DIVERGED.log(**{name: document(difference)[name] for name in ("experiment_id", "signal_id", "field")})
    if found is not None:
        found(difference)
