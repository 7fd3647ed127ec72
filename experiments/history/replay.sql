-- Everything that is stored of the selected experiments, the newest first: the columns of a verification, in its order.
-- What stands in braces beside a join is nothing, or the span in which the other tables' rows of these experiments are.
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
  LEFT JOIN signals s ON s.signal_id = e.signal_id {processed}
  LEFT JOIN market_contexts c ON c.signal_id = e.signal_id {captured}
  LEFT JOIN execution_policy d ON d.experiment_id = e.experiment_id {decided}
  LEFT JOIN signal_distributions a ON a.experiment_id = e.experiment_id AND a.engine = 'A' {distributed_a}
  LEFT JOIN signal_distributions b ON b.experiment_id = e.experiment_id AND b.engine = 'B' {distributed_b}
 WHERE {conditions}
 ORDER BY e.created_at DESC, e.experiment_id
