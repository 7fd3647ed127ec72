-- The stored outcomes that the filters choose, real and shadow ones side by side; {{chosen}} joins the experiments
-- that match, {{period}} is the condition on the exit.
-- COLLATE "C": sorting 100,000 rows by the language rules of the database costs three times as much.
SELECT 'real'::text COLLATE "C" AS kind, engine::text COLLATE "C" AS engine, exit_time, trade_id AS id, pnl,
       price_provenance, broken.experiment_id IS NOT NULL AS violating
  FROM real_outcomes{chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id)
 WHERE {period}
UNION ALL
SELECT 'shadow'::text COLLATE "C", engine::text COLLATE "C", exit_time, trade_id, pnl,
       price_provenance, broken.experiment_id IS NOT NULL
  FROM shadow_outcomes{chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id)
 WHERE {period}
