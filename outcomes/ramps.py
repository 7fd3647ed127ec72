"""What a step of a ramp has brought, measured on real outcomes; the rules are in `policies.core.ramps`."""

from __future__ import annotations

from django.db import connection

from policies import ramps
from policies.core.ramps import StepFacts
from policies.models import PolicyRamp

# By the database clock. Amounts in another currency than the policy's, which is a violation, are no part of the sum.
STEP = """
SELECT extract(epoch FROM clock_timestamp() - v.activated_at) / 3600,
       count(o.trade_id), coalesce(sum(o.pnl) FILTER (WHERE o.currency = v.currency), 0),
       EXISTS (SELECT FROM halts WHERE released_at IS NULL)
           OR EXISTS (SELECT FROM guardrail_trips WHERE released_at IS NULL)
  FROM policy_versions v
  LEFT JOIN experiments e ON e.policy_version = v.version
  LEFT JOIN latest_real_outcomes o ON o.experiment_id = e.experiment_id AND o.engine = 'B'
 WHERE v.version = %s GROUP BY v.version
"""


def step_facts(ramp: PolicyRamp) -> StepFacts:
    """The present step of a running ramp."""
    with connection.cursor() as cursor:
        cursor.execute(STEP, (ramp.current_version_id,))
        return StepFacts(*cursor.fetchone())


def move_ramps() -> int:
    """Take the move that is due; how many ramps moved."""
    return ramps.move_ramps(step_facts)
