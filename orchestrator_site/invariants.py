"""The one list of what must hold of stored rows: `manage.py verify`, the demo and the chaos run check it.

A new invariant is a statement in `invariants.sql`, or in `experiments/history/completeness.sql` if replay needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from archives.models import Archive
from archives.replay import ALL, run_archive_replay
from experiments.core.verification import Difference
from experiments.history.completeness import COMPLETENESS
from experiments.history.replay import Selection, run_replay
from kernel.actors import command_line_actor
from kernel.invariants import Invariant, Progress, Row, read_invariants

Stage = Literal["", "decided", "traded"]
STAGES: tuple[Stage, ...] = ("", "decided", "traded")
ROWS_SHOWN = 3


def _replayed(progress: Progress | None) -> list[Row]:
    """Replay every decision and keep the run; what it finds in whole tables stands in invariants of its own."""
    found: list[Row] = []

    def keep(difference: Difference) -> None:
        if difference.experiment_id is not None:
            found.append(difference._asdict())

    run_replay(Selection(), run_by=command_line_actor().name, progress=progress, found=keep)
    return found


def _replayed_from_files(progress: Progress | None) -> list[Row]:
    """The same of what is archived, and that every file is as it was written."""
    found: list[Row] = []
    if not Archive.objects.exists():
        return found
    run_archive_replay(
        ALL, run_by=command_line_actor().name, progress=progress, found=lambda one: found.append(one._asdict())
    )
    return found


INVARIANTS: tuple[Invariant, ...] = (
    *read_invariants(__file__, "invariants.sql"),
    *COMPLETENESS,
    Invariant(
        "archives_replay",
        "Every archived file is as it was written, and its decisions follow from their inputs, bit for bit.",
        _replayed_from_files,
    ),
    Invariant("decisions_replay", "Every decision follows from its stored inputs, bit for bit.", _replayed),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant and the rows that violate it."""

    invariant: Invariant
    rows: tuple[Row, ...]

    def lines(self, shown: int = ROWS_SHOWN) -> list[str]:
        """One line that says whether it holds, and one for each of the first rows that violate it."""
        if not self.rows:
            return [f"ok      {self.invariant.says}"]
        rows = [", ".join(f"{name}={value}" for name, value in row.items()) for row in self.rows[:shown]]
        more = [f"and {len(self.rows) - shown} more"] if len(self.rows) > shown else []
        return [f"FAILED  {self.invariant.name}: {self.invariant.says}", *(f"        {line}" for line in rows + more)]


def verify(
    stage: Stage,
    *,
    source: str | None = None,
    progress: Progress | None = None,
    begins: Callable[[Invariant], object] | None = None,
) -> Iterator[Finding]:
    """Check what holds at every moment and, from a `stage` on, what holds once everything has come so far.

    `source` narrows what holds only from a stage on to the signals of one webhook source. `begins` is called with each
    invariant before it is checked, `progress` with how many experiments are replayed and how many there are.
    """
    reached = STAGES[: STAGES.index(stage) + 1]
    for invariant in INVARIANTS:
        if invariant.once in reached:
            if begins is not None:
                begins(invariant)
            yield Finding(invariant, tuple(invariant.violations(source, progress)))
