-- What the report may be filtered by, of each experiment, and the phase that it belongs to: the policy version, and the
-- strategy and rules of both engines, '' for one that has not answered. The hour is that of the signal in New York; the
-- provenance is that of the shadow's exit price, MIXED for two shadows that differ in it, '' while no shadow has ended.
-- Every experiment has a decision: by LEFT JOIN it is looked up only where it is asked for.
-- What is archived stands in archived_experiments, in columns of these names; whether it was replayed, in its file alone.
SELECT e.experiment_id, e.created_at, s.symbol, s.timeframe, s.direction, s.strategy, s.source, s.replayed,
       p.execution_mode, e.policy_version, e.variant, e.split_percentage,
       extract(hour FROM s.timestamp AT TIME ZONE 'America/New_York')::smallint AS hour,
       (SELECT CASE WHEN count(DISTINCT o.price_provenance) > 1 THEN 'MIXED'
                    ELSE coalesce(min(o.price_provenance), '') END
          FROM latest_shadow_outcomes o WHERE o.experiment_id = e.experiment_id) AS provenance,
       coalesce(a.strategy_version, '') AS strategy_version_a, coalesce(a.rules_hash, '') AS rules_hash_a,
       coalesce(b.strategy_version, '') AS strategy_version_b, coalesce(b.rules_hash, '') AS rules_hash_b
  FROM experiments e
  JOIN signals s USING (signal_id)
  LEFT JOIN execution_policy p USING (experiment_id)
  LEFT JOIN recommendations a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
  LEFT JOIN recommendations b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
