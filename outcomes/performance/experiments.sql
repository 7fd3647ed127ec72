-- What the report may be filtered by, of each experiment, and the phase that it belongs to: the policy version, and the
-- strategy and rules of both engines, '' for one that has not answered. The hour is that of the signal in New York; the
-- provenance is that of the shadow's exit price, MIXED for two shadows that differ in it, '' while no shadow has ended.
-- What has been archived says so itself. One relation, so that the planner looks few of them up by their keys.
SELECT e.experiment_id, e.created_at, coalesce(e.symbol, s.symbol) AS symbol,
       coalesce(e.timeframe, s.timeframe) AS timeframe, coalesce(e.direction, s.direction) AS direction,
       coalesce(e.strategy, s.strategy) AS strategy, coalesce(e.source, s.source) AS source,
       coalesce(e.execution_mode, p.execution_mode) AS execution_mode, e.policy_version, e.variant, e.split_percentage,
       coalesce(e.hour, extract(hour FROM s.timestamp AT TIME ZONE 'America/New_York')::smallint) AS hour,
       coalesce(e.provenance, (SELECT CASE WHEN count(DISTINCT o.price_provenance) > 1 THEN 'MIXED'
                                           ELSE coalesce(min(o.price_provenance), '') END
                                 FROM latest_shadow_outcomes o WHERE o.experiment_id = e.experiment_id)) AS provenance,
       coalesce(e.strategy_version_a, a.strategy_version, '') AS strategy_version_a,
       coalesce(e.rules_hash_a, a.rules_hash, '') AS rules_hash_a,
       coalesce(e.strategy_version_b, b.strategy_version, '') AS strategy_version_b,
       coalesce(e.rules_hash_b, b.rules_hash, '') AS rules_hash_b
  FROM (SELECT experiment_id, signal_id, created_at, policy_version, variant, split_percentage,
               NULL::varchar AS symbol, NULL::varchar AS timeframe, NULL::varchar AS direction,
               NULL::varchar AS strategy, NULL::varchar AS source, NULL::varchar AS execution_mode,
               NULL::smallint AS hour, NULL::varchar AS provenance, NULL::varchar AS strategy_version_a,
               NULL::varchar AS rules_hash_a, NULL::varchar AS strategy_version_b, NULL::varchar AS rules_hash_b
          FROM experiments
        UNION ALL
        SELECT experiment_id, NULL, created_at, policy_version, variant, split_percentage, symbol, timeframe, direction,
               strategy, source, execution_mode, hour, provenance, strategy_version_a, rules_hash_a,
               strategy_version_b, rules_hash_b
          FROM archived_experiments) e
  LEFT JOIN signals s ON s.signal_id = e.signal_id
  LEFT JOIN execution_policy p ON p.experiment_id = e.experiment_id
  LEFT JOIN recommendations a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
  LEFT JOIN recommendations b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
 WHERE e.symbol IS NOT NULL OR (s.signal_id IS NOT NULL AND p.experiment_id IS NOT NULL)
