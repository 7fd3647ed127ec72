-- One assignment of an engine, in the columns of claim.sql.
SELECT d.experiment_id, d.context_hash, d.distributed_at, d.lease_expires_at, d.answered_at, c.context::text
  FROM signal_distributions d JOIN experiments e USING (experiment_id) JOIN market_contexts c USING (signal_id)
 WHERE d.engine = %s AND d.experiment_id = %s
