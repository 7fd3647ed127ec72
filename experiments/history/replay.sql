-- Everything that is stored of the selected experiments, the newest first: the columns of a verification, in its order.
-- In the order of an index, so that the first row comes at once and nothing has to be sorted.
SELECT e.experiment_id, e.signal_id, e.signal_hash, e.variant, e.assignment_hash, e.assignment_key_id, e.bucket,
       e.split_percentage, e.policy_version, e.created_at,
       s.source, s.exchange, s.symbol, s.direction, s.timeframe, s.timestamp, s.strategy, s.order_id,
       s.signal_hash AS stored_signal_hash, s.raw_payload AS payload, array_to_json(s.consumed_fields) AS consumed_fields, s.status, s.processed_at,
       c.context, c.context_hash, c.created_at AS captured_at,
       d.execution_mode, d.executed_engine, d.shadow_engine, d.reason, d.policy_version AS decided_version,
       d.rules_version, d.inputs, d.decision_hash, d.decided_at,
       a.context_hash AS context_hash_a, a.distributed_at AS distributed_at_a,
       b.context_hash AS context_hash_b, b.distributed_at AS distributed_at_b
  FROM experiments e
  LEFT JOIN signals s USING (signal_id)
  LEFT JOIN market_contexts c USING (signal_id)
  LEFT JOIN execution_policy d USING (experiment_id)
  LEFT JOIN signal_distributions a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
  LEFT JOIN signal_distributions b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
 WHERE {conditions}
 ORDER BY e.created_at DESC, e.experiment_id
