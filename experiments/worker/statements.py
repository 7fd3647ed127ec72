"""All rows of a batch in one statement: context, experiment, decision, two distributions, the mark.

Arrays with binary parameters through psycopg's own cursor: Django's binds in Python, which costs a
third of the time at this size (docs/adr/0004-worker.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import psycopg
from django.db import connection

from experiments.core.decision import Decided
from policies.core.rules import RULES_VERSION

STORE = """
WITH batch AS (
    SELECT * FROM unnest(
        %(signal_id)b::text[]::uuid[], %(signal_hash)b::text[], %(context)b::text[], %(context_hash)b::text[],
        %(experiment_id)b::text[]::uuid[], %(variant)b::text[], %(assignment_hash)b::text[], %(bucket)b::int4[]
    ) AS t (signal_id, signal_hash, context, context_hash, experiment_id, variant, assignment_hash, bucket)
), rulings AS (
    SELECT * FROM unnest(
        %(ruled_variant)b::text[], %(execution_mode)b::text[], %(executed_engine)b::text[], %(shadow_engine)b::text[],
        %(reason)b::text[], %(inputs)b::text[], %(decision_hash)b::text[]
    ) AS t (variant, execution_mode, executed_engine, shadow_engine, reason, inputs, decision_hash)
), contexts AS (
    INSERT INTO market_contexts (signal_id, context, context_hash, created_at)
    SELECT signal_id, context::json, context_hash, now() FROM batch
), experiments_made AS (
    INSERT INTO experiments (experiment_id, signal_id, signal_hash, variant, assignment_hash, bucket,
                             split_percentage, policy_version, created_at)
    SELECT experiment_id, signal_id, signal_hash, variant, assignment_hash, bucket,
           %(split_percentage)s, %(policy_version)s, now() FROM batch
), decisions AS (
    INSERT INTO execution_policy (experiment_id, execution_mode, executed_engine, shadow_engine, reason,
                                  policy_version, rules_version, inputs, decision_hash, decided_at)
    SELECT experiment_id, execution_mode, executed_engine, shadow_engine, reason,
           %(policy_version)s, %(rules_version)s, inputs::json, decision_hash, %(decided_at)s
      FROM batch JOIN rulings USING (variant)
), distributions AS (
    INSERT INTO signal_distributions (experiment_id, engine, context_hash, distributed_at)
    SELECT experiment_id, engine, context_hash, now() FROM batch CROSS JOIN (VALUES ('A'), ('B')) AS e (engine)
), finished AS (
    DELETE FROM worker_batches WHERE token = %(token)s AND cardinality(signal_ids) = cardinality(%(signal_id)b::text[])
)
UPDATE signals SET status = 'PROCESSED', processing_lock = %(token)s, processed_at = now(),
       next_attempt_at = NULL, last_error = ''
  FROM batch WHERE signals.signal_id = batch.signal_id
"""


def store(
    batch: Sequence[Decided], token: UUID, *, policy_version: int, split_percentage: object, decided_at: datetime
) -> None:
    """Write the rows of all decided signals; the unique keys refuse a second experiment (R2.1, R10.1).

    `decided_at` is the instant at which the state that decided was read: one state, so one ruling for
    each variant. A batch that is decided as a whole is deleted from the claimed work.
    """
    rulings = {d.assignment.variant: d.ruling for d in batch}
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            STORE,
            {
                "token": token,
                "policy_version": policy_version,
                "split_percentage": split_percentage,
                "decided_at": decided_at,
                "rules_version": RULES_VERSION,
                "signal_id": [d.signal.signal_id for d in batch],
                "signal_hash": [d.signal.signal_hash for d in batch],
                "context": [d.context for d in batch],
                "context_hash": [d.context_hash for d in batch],
                "experiment_id": [d.experiment_id for d in batch],
                "variant": [d.assignment.variant for d in batch],
                "assignment_hash": [d.assignment.assignment_hash for d in batch],
                "bucket": [d.assignment.bucket for d in batch],
                "ruled_variant": list(rulings),
                "execution_mode": [ruling.resolution.execution_mode for ruling in rulings.values()],
                "executed_engine": [ruling.resolution.executed_engine for ruling in rulings.values()],
                "shadow_engine": [ruling.resolution.shadow_engine for ruling in rulings.values()],
                "reason": [ruling.resolution.reason for ruling in rulings.values()],
                "inputs": [ruling.inputs for ruling in rulings.values()],
                "decision_hash": [ruling.decision_hash for ruling in rulings.values()],
            },
            # Reading the state ends in a rollback to a savepoint, after which psycopg forgets what is prepared.
            prepare=False,
        )
