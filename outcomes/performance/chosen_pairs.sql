-- The pairs that the filters choose: those of a signal that somebody traded for real, and those of a signal that
-- nobody did. A pair belongs to the period of its later exit, and to the currency of its shadow, which is the
-- policy's; in two currencies there is no difference.
WITH broken AS (SELECT DISTINCT experiment_id FROM pair_violations)
SELECT 'paired' COLLATE "C" AS label, r.engine AS real_engine,
       CASE WHEN r.currency <> s.currency THEN NULL
            WHEN r.engine = 'A' THEN r.compared_pnl - s.compared_pnl
            ELSE s.compared_pnl - r.compared_pnl END AS d,
       r.pnl IS NULL OR s.pnl IS NULL AS unpriced, broken.experiment_id IS NOT NULL AS violating
  FROM latest_real_outcomes r JOIN latest_shadow_outcomes s USING (experiment_id){chosen}
  LEFT JOIN broken USING (experiment_id)
 WHERE r.engine <> s.engine AND s.currency = %(currency)s AND {period}
UNION ALL
SELECT 'unpaired' COLLATE "C", NULL, CASE WHEN r.currency = s.currency THEN r.compared_pnl - s.compared_pnl END,
       r.pnl IS NULL OR s.pnl IS NULL, broken.experiment_id IS NOT NULL
  FROM latest_shadow_outcomes r JOIN latest_shadow_outcomes s USING (experiment_id){chosen}
  LEFT JOIN broken USING (experiment_id)
 WHERE r.engine = 'A' AND s.engine = 'B' AND s.currency = %(currency)s AND {period}
