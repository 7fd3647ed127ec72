-- Experiments created in given ranges of time, which {{e}} is the condition of, with what became of each engine's answer:
-- DECLINED; PENDING while its trade is open, or while one can still be reported, which is until `ends`; NEVER_OPENED
-- without a trade by then; OPENED with one that was closed. NULL for an engine that has not answered.
WITH asked AS (
    SELECT e.experiment_id, e.created_at, e.policy_version, e.variant
      FROM experiments e WHERE {e}
),
answered AS (
    SELECT r.experiment_id, r.engine, r.role, answer.ends,
           CASE WHEN coalesce(t.status, u.status) IN ('OPENING', 'OPEN') THEN 'PENDING'
                WHEN r.action = 'DECLINE' THEN 'DECLINED'
                WHEN coalesce(t.status, u.status) IS NOT NULL THEN 'OPENED'
                WHEN now() <= answer.ends THEN 'PENDING'
                ELSE 'NEVER_OPENED' END AS became
      FROM asked
      JOIN recommendations r USING (experiment_id)
      JOIN policy_versions v ON v.version = asked.policy_version
      LEFT JOIN real_trades t ON t.experiment_id = r.experiment_id AND t.engine = r.engine
      LEFT JOIN shadow_trades u ON u.experiment_id = r.experiment_id AND u.engine = r.engine
     CROSS JOIN LATERAL (
         SELECT CASE r.role WHEN 'REAL' THEN r.permit_expires_at + make_interval(secs => v.report_delay_seconds)
                ELSE r.recommended_at + make_interval(secs => v.entry_window_seconds) END AS ends) answer
)
SELECT asked.experiment_id, asked.created_at, asked.policy_version, asked.variant, a.role AS a_role, a.became AS a_became, b.role AS b_role,
       b.became AS b_became, greatest(a.ends, b.ends) AS ends
  FROM asked
  LEFT JOIN answered a ON a.experiment_id = asked.experiment_id AND a.engine = 'A'
  LEFT JOIN answered b ON b.experiment_id = asked.experiment_id AND b.engine = 'B'
UNION ALL
-- As they were when they were archived.
SELECT e.experiment_id, e.created_at, e.policy_version, e.variant, e.a_role, e.a_became, e.b_role, e.b_became, e.ends
  FROM archived_experiments e WHERE {e}
