"""What must hold of whole tables: that no row of the chain is missing, doubled or left over (R6).

Replay checks it when everything is replayed; `orchestrator_site.invariants` lists it with all other invariants.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.core.verification import Difference, PinnedPolicy, policy_differences
from kernel.invariants import Invariant, Progress, Row, read_invariants
from policies.models import PolicyVersion


def _unfounded_policies(_: Progress | None = None) -> Iterator[Row]:
    """The policy versions that no experiment pins; those that one does are verified with it."""
    for policy in PolicyVersion.objects.filter(experiment__isnull=True).iterator():
        for difference in policy_differences(PinnedPolicy(policy.content, policy.content_hash)):
            yield {"field": difference.field, "stored": difference.stored, "expected": difference.recomputed}


COMPLETENESS = (
    *read_invariants(__file__, "completeness.sql"),
    Invariant(
        "policy_hashes_follow_from_their_settings",
        "The content hash of every policy version is that of its settings.",
        _unfounded_policies,
    ),
)


def incomplete() -> Iterator[Difference]:
    """Everything that is missing, doubled or left over in the tables of the chain."""
    for invariant in COMPLETENESS:
        for row in invariant.violations():
            yield Difference(row["field"], row["stored"] or "null", row["expected"])
