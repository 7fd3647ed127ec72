-- Closed trades with an exit in given ranges of time: {{o}} and {{x}} are the conditions that they set. Real and
-- shadow ones by their latest revision, and shadows once more as they would have left by their own rules. `left_out` is
-- a shadow whose engine broke a rule: a real trade is its engine's own, whatever rule it broke.
-- COLLATE "C": sorting by the language rules of the database costs three times as much.
SELECT 'real'::text COLLATE "C" AS kind, o.engine::text COLLATE "C" AS engine, o.currency, o.experiment_id, o.exit_time,
       o.trade_id AS id, o.pnl, o.pnl / nullif(o.risk_amount, 0) AS r, o.risk_amount,
       o.price_provenance, o.pnl IS NULL AS unpriced, broken.found AS violating, false AS left_out,
       o.revision > 1 AS amended, NULL::numeric AS a_pnl, NULL::numeric AS a_r, o.fees
  FROM latest_real_outcomes o
 CROSS JOIN LATERAL (SELECT EXISTS (
       SELECT FROM pair_violations v WHERE v.experiment_id = o.experiment_id AND v.engine = o.engine) AS found) broken
 WHERE {o}
UNION ALL
SELECT 'shadow'::text COLLATE "C", o.engine::text COLLATE "C", o.currency, o.experiment_id, o.exit_time,
       o.trade_id, o.pnl, o.pnl / nullif(o.risk_amount, 0), o.risk_amount,
       o.price_provenance, o.pnl IS NULL, broken.found, broken.found,
       o.revision > 1, NULL, NULL, o.fees
  FROM latest_shadow_outcomes o
 CROSS JOIN LATERAL (SELECT EXISTS (
       SELECT FROM pair_violations v WHERE v.experiment_id = o.experiment_id AND v.engine = o.engine) AS found) broken
 WHERE {o}
UNION ALL
SELECT 'own_exit'::text COLLATE "C", x.engine::text COLLATE "C", t.currency, x.experiment_id, x.exit_time,
       x.trade_id, x.pnl, x.pnl / nullif(t.risk_amount, 0), t.risk_amount,
       x.price_provenance, x.pnl IS NULL, broken.found, broken.found,
       false, NULL, NULL, x.fees
  FROM own_exits x
  JOIN shadow_trades t USING (trade_id)
 CROSS JOIN LATERAL (SELECT x.violations::text <> '[]' OR EXISTS (
       SELECT FROM pair_violations v WHERE v.experiment_id = x.experiment_id AND v.engine = x.engine) AS found) broken
 WHERE x.state <> 'PENDING' AND {x}
UNION ALL
-- As they were when they were archived.
SELECT o.kind::text COLLATE "C", o.engine::text COLLATE "C", o.currency, o.experiment_id, o.exit_time,
       o.trade_id, o.pnl, o.r, o.risk_amount, o.price_provenance, o.unpriced, o.violating, o.left_out,
       o.amended, NULL, NULL, o.fees
  FROM archived_results o
 WHERE o.kind IN ('real', 'shadow', 'own_exit') AND {o}
