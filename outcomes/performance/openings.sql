-- What became of the engines' answers that brought no outcome, by engine and the role that was revealed. An answer to
-- open is pending while its trade is open, or while it can still be reported.
SELECT r.engine, lower(r.role) AS kind,
       count(*) FILTER (WHERE r.action = 'DECLINE') AS declined,
       count(*) FILTER (WHERE r.action = 'OPEN' AND t.status IS NULL AND now() > answer.ends) AS never_opened,
       count(*) FILTER (WHERE t.status IN ('OPENING', 'OPEN')
                           OR r.action = 'OPEN' AND t.status IS NULL AND now() <= answer.ends) AS pending
  FROM experiments e{joins}
  JOIN recommendations r USING (experiment_id)
  JOIN policy_versions v ON v.version = e.policy_version
  LEFT JOIN (SELECT experiment_id, engine, status FROM real_trades
             UNION ALL SELECT experiment_id, engine, status FROM shadow_trades) t
         ON t.experiment_id = r.experiment_id AND t.engine = r.engine
 CROSS JOIN LATERAL (
     SELECT CASE r.role WHEN 'REAL' THEN r.permit_expires_at + make_interval(secs => v.report_delay_seconds)
                 ELSE r.recommended_at + make_interval(secs => v.entry_window_seconds) END AS ends) answer
 WHERE {conditions} AND {period}
 GROUP BY r.engine, r.role
