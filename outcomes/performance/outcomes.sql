-- The stored outcomes that the filters choose, in one currency, real and shadow ones side by side; {{chosen}} joins the
-- experiments that match, {{period}} is the condition on the exit. Every real trade is its engine's own, whatever rule
-- it broke: left out is a shadow alone, whose engine broke one.
-- COLLATE "C": sorting 100,000 rows by the language rules of the database costs three times as much.
WITH broken AS (SELECT DISTINCT experiment_id, engine FROM pair_violations)
SELECT 'real'::text COLLATE "C" AS kind, o.engine::text COLLATE "C" AS engine, exit_time, trade_id AS id, pnl,
       risk_amount, price_provenance, broken.engine IS NOT NULL AS violating, false AS left_out
  FROM latest_real_outcomes o{chosen}
  LEFT JOIN broken ON broken.experiment_id = o.experiment_id AND broken.engine = o.engine
 WHERE o.currency = %(currency)s AND {period}
UNION ALL
SELECT 'shadow'::text COLLATE "C", o.engine::text COLLATE "C", exit_time, trade_id, pnl,
       risk_amount, price_provenance, broken.engine IS NOT NULL, broken.engine IS NOT NULL
  FROM latest_shadow_outcomes o{chosen}
  LEFT JOIN broken ON broken.experiment_id = o.experiment_id AND broken.engine = o.engine
 WHERE o.currency = %(currency)s AND {period}
