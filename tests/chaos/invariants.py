"""What must hold once the dust has settled: everything once, nothing left, nothing lost."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from tests.database import rows, value

# Each yields 0 when it holds.
BREACHES = {
    "signals that are not PROCESSED": "SELECT count(*) FROM signals WHERE status <> 'PROCESSED'",
    "signals without exactly one market context": """
        SELECT count(*) FROM signals s
         WHERE (SELECT count(*) FROM market_contexts c WHERE c.signal_id = s.signal_id) <> 1""",
    "signals without exactly one experiment": """
        SELECT count(*) FROM signals s
         WHERE (SELECT count(*) FROM experiments e WHERE e.signal_id = s.signal_id) <> 1""",
    "experiments without exactly one decision": """
        SELECT count(*) FROM experiments e
         WHERE (SELECT count(*) FROM execution_policy p WHERE p.experiment_id = e.experiment_id) <> 1""",
    "experiments not distributed once to A and once to B": """
        SELECT count(*) FROM experiments e
         WHERE (SELECT array_agg(engine::text ORDER BY engine) FROM signal_distributions d
                 WHERE d.experiment_id = e.experiment_id) IS DISTINCT FROM ARRAY['A', 'B']""",
    "batches that nobody has in hand": "SELECT count(*) FROM worker_batches",
}
UNSETTLED = "SELECT (SELECT count(*) FROM signals WHERE status <> 'PROCESSED') + (SELECT count(*) FROM worker_batches)"
LOST = "SELECT id FROM unnest(%s::uuid[]) AS acknowledged (id) WHERE id NOT IN (SELECT signal_id FROM signals)"


def unsettled() -> int:
    """Return how many signals wait or have failed, and how many batches are in hand."""
    return int(value(UNSETTLED))


def breaches(acknowledged: Collection[UUID] = ()) -> list[str]:
    """Return every invariant that does not hold, with how often; none when all is well."""
    found = {what: value(query) for what, query in BREACHES.items()}
    found["acknowledged alerts that are not stored"] = len(rows(LOST, list(acknowledged)))
    return [f"{what}: {count}" for what, count in found.items() if count]
