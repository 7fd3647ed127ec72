"""When it may be told who trades a signal for real: one rule for the analysts' views and for answers over MCP."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection

# Of an experiment `e`: no engine is left whose answer could still make it trade for real (see `answer_by` of policies).
SHOWN = """NOT EXISTS (
    SELECT FROM signal_distributions d
      JOIN experiments de ON de.experiment_id = d.experiment_id
      JOIN policy_versions dp ON dp.version = de.policy_version
     WHERE d.experiment_id = e.experiment_id AND d.answered_at IS NULL
       AND d.distributed_at + make_interval(secs => dp.max_answer_age_seconds) >= now())"""


def shown(experiments: Collection[UUID]) -> set[UUID]:
    """Those of the experiments whose roles may be told: both engines have answered, or can only shadow any more.

    One that is archived is among them: nothing of it is open.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.experiment_id FROM experiments e WHERE e.experiment_id = ANY(%s) AND NOT ({SHOWN})",  # noqa: S608 (ours)
            (list(experiments),),
        )
        return set(experiments).difference(identity for (identity,) in cursor.fetchall())
