-- The pairs that the filters choose: those of a signal that somebody traded for real, and those of a signal that
-- nobody did. A pair belongs to the period of its later exit.
SELECT 'paired' COLLATE "C" AS label, r.engine AS real_engine,
       CASE r.engine WHEN 'A' THEN r.pnl - s.pnl ELSE s.pnl - r.pnl END AS d,
       broken.experiment_id IS NOT NULL AS violating
  FROM real_outcomes r JOIN shadow_outcomes s USING (experiment_id){chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id)
 WHERE r.engine <> s.engine AND {period}
UNION ALL
SELECT 'unpaired' COLLATE "C", NULL, r.pnl - s.pnl, broken.experiment_id IS NOT NULL
  FROM shadow_outcomes r JOIN shadow_outcomes s USING (experiment_id){chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id)
 WHERE r.engine = 'A' AND s.engine = 'B' AND {period}
