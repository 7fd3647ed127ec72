-- Pairs of closed trades on the same signal, A minus B, in the shape of results.sql: of a real and a shadow trade, where
-- `engine` is the one that traded for real, and of two shadows; {{r}}, {{s}}, {{a}} and {{b}} are the conditions on
-- the later exit. A pair belongs to the range of its later exit, and to
-- the currency of its shadow, which is the policy's; in two currencies there is no difference, and none after a roll
-- that left something open. A pair in which either engine broke a rule is left out. Its provenance is its shadow's,
-- MIXED for two shadows that differ in it. An `own_pair` is a pair once more, with the shadow's own exit and by its time;
-- {{x}} is the condition on that, and in place of A's part stands what the pair differs by at the synchronised exit.
WITH found AS (
    -- The real trade ended with the shadow or after it.
    SELECT 'paired' AS kind, r.engine, s.currency, r.experiment_id, r.exit_time, r.trade_id AS id,
           CASE r.engine WHEN 'A' THEN 1 ELSE -1 END AS sign, r.currency <> s.currency AS differs,
           r.compared_pnl AS first, s.compared_pnl AS second, r.risk_amount AS first_risk, s.risk_amount AS second_risk,
           r.pnl IS NULL OR s.pnl IS NULL AS unpriced, greatest(r.revision, s.revision) > 1 AS amended,
           s.price_provenance, NULL::numeric AS synchronised, false AS violates
      FROM latest_real_outcomes r
      JOIN latest_shadow_outcomes s
        ON s.experiment_id = r.experiment_id AND s.engine <> r.engine AND s.exit_time <= r.exit_time
     WHERE {r}
    UNION ALL
    -- The shadow ended last.
    SELECT 'paired', r.engine, s.currency, r.experiment_id, s.exit_time, s.trade_id,
           CASE r.engine WHEN 'A' THEN 1 ELSE -1 END, r.currency <> s.currency,
           r.compared_pnl, s.compared_pnl, r.risk_amount, s.risk_amount,
           r.pnl IS NULL OR s.pnl IS NULL, greatest(r.revision, s.revision) > 1, s.price_provenance, NULL, false
      FROM latest_shadow_outcomes s
      JOIN latest_real_outcomes r
        ON r.experiment_id = s.experiment_id AND r.engine <> s.engine AND r.exit_time < s.exit_time
     WHERE {s}
    UNION ALL
    -- Two shadows, of which A's ended with B's or after it.
    SELECT 'unpaired', '', a.currency, a.experiment_id, a.exit_time, a.trade_id, 1, a.currency <> b.currency,
           a.compared_pnl, b.compared_pnl, a.risk_amount, b.risk_amount,
           a.pnl IS NULL OR b.pnl IS NULL, greatest(a.revision, b.revision) > 1,
           CASE WHEN a.price_provenance = b.price_provenance THEN a.price_provenance ELSE 'MIXED' END, NULL, false
      FROM latest_shadow_outcomes a
      JOIN latest_shadow_outcomes b
        ON b.experiment_id = a.experiment_id AND b.engine = 'B' AND b.exit_time <= a.exit_time
     WHERE a.engine = 'A' AND {a}
    UNION ALL
    -- Two shadows, of which B's ended last.
    SELECT 'unpaired', '', b.currency, b.experiment_id, b.exit_time, b.trade_id, 1, a.currency <> b.currency,
           a.compared_pnl, b.compared_pnl, a.risk_amount, b.risk_amount,
           a.pnl IS NULL OR b.pnl IS NULL, greatest(a.revision, b.revision) > 1,
           CASE WHEN a.price_provenance = b.price_provenance THEN a.price_provenance ELSE 'MIXED' END, NULL, false
      FROM latest_shadow_outcomes b
      JOIN latest_shadow_outcomes a
        ON a.experiment_id = b.experiment_id AND a.engine = 'A' AND a.exit_time < b.exit_time
     WHERE b.engine = 'B' AND {b}
    UNION ALL
    -- A real trade and a shadow that has said when it would have left by its own rules.
    SELECT 'own_pair', r.engine, t.currency, r.experiment_id, x.exit_time, x.trade_id,
           CASE r.engine WHEN 'A' THEN 1 ELSE -1 END, r.currency <> t.currency,
           r.compared_pnl, CASE WHEN s.compared_pnl IS NOT NULL THEN x.pnl END, r.risk_amount, t.risk_amount,
           r.pnl IS NULL OR s.pnl IS NULL OR x.pnl IS NULL, greatest(r.revision, s.revision) > 1, x.price_provenance,
           s.compared_pnl, x.violations::text <> '[]'
      FROM own_exits x
      JOIN shadow_trades t USING (trade_id)
      JOIN latest_shadow_outcomes s USING (trade_id)
      JOIN latest_real_outcomes r ON r.experiment_id = x.experiment_id AND r.engine <> x.engine
     WHERE x.state <> 'PENDING' AND {x}
)
SELECT kind COLLATE "C" AS kind, engine::text COLLATE "C" AS engine, currency, experiment_id, exit_time, id,
       CASE WHEN NOT differs THEN sign * (first - second) END AS pnl,
       CASE WHEN NOT differs
            THEN sign * (first / nullif(first_risk, 0) - second / nullif(second_risk, 0)) END AS r,
       NULL::numeric AS risk_amount, price_provenance, unpriced, broken.found AS violating,
       broken.found AS left_out, amended,
       CASE WHEN kind = 'own_pair' THEN sign * (first - synchronised) WHEN sign = 1 THEN first ELSE second END AS a_pnl,
       CASE WHEN kind = 'own_pair'
            THEN sign * (first / nullif(first_risk, 0) - synchronised / nullif(second_risk, 0))
            WHEN sign = 1 THEN first / nullif(first_risk, 0) ELSE second / nullif(second_risk, 0) END AS a_r,
       NULL::numeric AS fees
  FROM found
 CROSS JOIN LATERAL (
       SELECT violates OR EXISTS (
           SELECT FROM pair_violations v WHERE v.experiment_id = found.experiment_id) AS found) broken
UNION ALL
-- As they were when they were archived.
SELECT r.kind::text COLLATE "C", r.engine::text COLLATE "C", r.currency, r.experiment_id, r.exit_time, r.trade_id, r.pnl, r.r,
       NULL, r.price_provenance, r.unpriced, r.violating, r.left_out, r.amended, r.a_pnl, r.a_r, NULL
  FROM archived_results r
 WHERE r.kind IN ('paired', 'unpaired', 'own_pair') AND {r}
