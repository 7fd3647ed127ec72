-- One assignment of an engine, in the columns of claim.sql; without the token, which only a claim can give.
SELECT d.experiment_id, d.context_hash, d.distributed_at,
       d.distributed_at + make_interval(secs => p.max_answer_age_seconds) AS answer_by,
       d.lease_expires_at, NULL::uuid, d.answered_at, c.context::text
  FROM signal_distributions d JOIN experiments e USING (experiment_id)
  JOIN policy_versions p ON p.version = e.policy_version JOIN market_contexts c USING (signal_id)
 WHERE d.engine = %s AND d.experiment_id = %s
