-- Everything a batch comes to: context, experiment, decision and two distributions of each signal, the signal's mark,
-- and the end of the claim, or of this part of it. One statement, so that all of it is stored or nothing is.
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
    INSERT INTO experiments (experiment_id, signal_id, signal_hash, variant, assignment_hash, assignment_key_id,
                             bucket, split_percentage, policy_version, created_at)
    SELECT experiment_id, signal_id, signal_hash, variant, assignment_hash, %(assignment_key_id)s, bucket,
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
), rest AS (
    UPDATE worker_batches SET signal_ids = ARRAY(SELECT unnest(signal_ids) EXCEPT SELECT signal_id FROM batch)
     WHERE token = %(token)s AND cardinality(signal_ids) > cardinality(%(signal_id)b::text[])
)
UPDATE signals SET status = 'PROCESSED', processing_lock = %(token)s, processed_at = now(),
       next_attempt_at = NULL, last_error = ''
  FROM batch WHERE signals.signal_id = batch.signal_id
