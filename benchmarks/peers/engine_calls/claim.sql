-- The oldest open work of the engine, leased.
WITH open AS (
    SELECT id FROM signal_distributions
     WHERE engine = $1 AND answered_at IS NULL AND (lease_expires_at IS NULL OR lease_expires_at <= now())
     ORDER BY distributed_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
), d AS (
    UPDATE signal_distributions SET lease_token = $4, lease_expires_at = now() + make_interval(secs => $3)
     WHERE id IN (SELECT id FROM open) RETURNING *
)
SELECT d.experiment_id, d.context_hash, d.distributed_at, d.lease_expires_at, c.context::text
  FROM d JOIN experiments e USING (experiment_id) JOIN market_contexts c USING (signal_id)
