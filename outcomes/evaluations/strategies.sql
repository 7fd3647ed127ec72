-- Which strategies have answered an evaluation's signals, and since when, the first of each engine first.
SELECT r.engine, r.strategy_version, min(r.recommended_at) AS since
  FROM signals s
  JOIN experiments e USING (signal_id)
  JOIN recommendations r USING (experiment_id)
 WHERE s.received_at > %(since)s AND s.replayed = %(replayed)s AND s.{time} >= %(starts_at)s
   AND e.policy_version = %(policy_version)s
 GROUP BY r.engine, r.strategy_version ORDER BY r.engine, since
