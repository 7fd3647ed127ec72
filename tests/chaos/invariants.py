"""What must hold once the dust has settled: every invariant of the product, and no acknowledged alert lost."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from orchestrator_site.invariants import INVARIANTS, verify
from tests.database import rows

LOST = "SELECT id FROM unnest(%s::uuid[]) AS acknowledged (id) WHERE id NOT IN (SELECT signal_id FROM signals)"


def unsettled() -> bool:
    """Whether a signal waits or has failed, or a batch is claimed."""
    return any(list(invariant.violations()) for invariant in INVARIANTS if invariant.once == "decided")


def breaches(acknowledged: Collection[UUID] = ()) -> list[str]:
    """What does not hold; none when all is well."""
    found = [line for finding in verify("decided") if finding.rows for line in finding.lines()]
    lost = len(rows(LOST, list(acknowledged)))
    return [*found, *([f"{lost} acknowledged alerts are not stored"] if lost else [])]
