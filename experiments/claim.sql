-- Leases the oldest open assignments of an engine and answers what they say.
-- SKIP LOCKED closes the race of two workers of one engine that ask at the same moment; the lease keeps others away
-- after the row lock is gone. Ordered by a column that only the index of open work has: by the id alone, the planner
-- would walk the primary key past a backlog that has just been answered. The claimed ones as an array: a plan for any
-- limit takes it for a tenth of all open work, which it would join by reading the tables from end to end.
WITH open AS (
    SELECT id FROM signal_distributions
     WHERE engine = %(engine)s AND answered_at IS NULL AND (lease_expires_at IS NULL OR lease_expires_at <= now())
     ORDER BY distributed_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), d AS (
    UPDATE signal_distributions
       SET lease_token = %(token)s, lease_expires_at = now() + make_interval(secs => %(lease)s)
     WHERE id = ANY (ARRAY(SELECT id FROM open))
    RETURNING *
)
SELECT d.experiment_id, d.context_hash, d.distributed_at,
       d.distributed_at + make_interval(secs => p.max_answer_age_seconds) AS answer_by,
       d.lease_expires_at, d.lease_token, d.answered_at, c.context::text
  FROM d JOIN experiments e USING (experiment_id) JOIN policy_versions p ON p.version = e.policy_version
  JOIN market_contexts c USING (signal_id) ORDER BY d.distributed_at, d.id
