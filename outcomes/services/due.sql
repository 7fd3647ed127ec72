-- What falls due: its kind, its key, and since when it waits. Whether it can be settled is decided under its lock; these
-- conditions only leave out what certainly cannot be yet, so that waiting costs nothing. No parameters: the worker's
-- broker joins this with a query of its own.
-- Entries whose time to be quoted is over, or whose legs were all quoted.
SELECT 'entry' AS what, t.trade_id::text AS id, t.opened_at AS since
  FROM shadow_trades t
  JOIN experiments USING (experiment_id)
  JOIN signals s USING (signal_id)
  JOIN execution_policy USING (experiment_id)
  JOIN policy_versions p ON p.version = execution_policy.policy_version
 CROSS JOIN LATERAL (SELECT CASE WHEN s.replayed THEN t.entry_time ELSE t.opened_at END AS at) entered
 WHERE t.status = 'OPENING'
   AND (t.entry_due_at <= statement_timestamp() OR NOT EXISTS (
        SELECT FROM json_array_elements(t.legs) AS leg
         WHERE NOT EXISTS (SELECT FROM quotes q
                            WHERE q.instrument = leg ->> 'instrument' AND q.quote_time >= entered.at
                              AND q.quote_time <= entered.at + make_interval(secs => p.max_quote_age_seconds))))
UNION ALL
-- Exits that nobody has tried to price since their quotes had time to arrive, since a quote came, or whose time is over.
SELECT 'exit directive', d.id::text, d.issued_at
  FROM exit_directives d
  LEFT JOIN shadow_trades t ON t.trade_id = d.shadow_trade_id
 WHERE d.state = 'PENDING'
   AND CASE WHEN d.expires_at <= statement_timestamp() THEN t.status IS DISTINCT FROM 'OPENING'
       ELSE t.status = 'OPEN' AND d.due_at <= statement_timestamp() AND (d.tried_at IS NULL OR EXISTS (
            SELECT FROM json_array_elements(d.closing_legs) AS leg
              JOIN quotes q ON q.instrument = leg ->> 'instrument'
             WHERE q.quote_time BETWEEN t.entry_time AND d.exit_time AND q.received_at > d.tried_at)) END
UNION ALL
-- Own exits whose quotes had time to arrive.
SELECT 'own exit', x.trade_id::text, x.reported_at
  FROM own_exits x JOIN shadow_trades t USING (trade_id)
 WHERE x.state = 'PENDING' AND x.due_at <= statement_timestamp() AND t.status <> 'OPENING'
UNION ALL
-- Shadows that leave by themselves, where no real trade can come or came before: with an own exit, or without one when
-- none is taken any more.
SELECT 'shadow', t.trade_id::text, t.opened_at
  FROM shadow_trades t
  JOIN execution_policy e USING (experiment_id)
  JOIN policy_versions p ON p.version = e.policy_version
  LEFT JOIN own_exits x USING (trade_id)
  LEFT JOIN recommendations r ON r.experiment_id = t.experiment_id AND r.engine = e.executed_engine
  LEFT JOIN signal_distributions s ON s.experiment_id = t.experiment_id AND s.engine = e.executed_engine
 WHERE t.status = 'OPEN'
   AND (x.state <> 'PENDING'
        OR (x.trade_id IS NULL AND t.opened_at <= statement_timestamp() - make_interval(days => (OWN_EXIT_DAYS)::int)))
   AND (t.flags::jsonb @> '["AFTER_REAL_EXIT"]' OR (
        -- OFFSET: or the planner may read all real trades into a hash, for the few shadows that are open.
        NOT EXISTS (SELECT FROM real_trades
                     WHERE real_trades.experiment_id = t.experiment_id AND real_trades.status <> 'UNPRICED' OFFSET 0)
        AND (e.executed_engine IS NULL OR statement_timestamp() > CASE
             WHEN r.id IS NULL THEN s.distributed_at + make_interval(secs => p.max_answer_age_seconds)
             ELSE coalesce(r.permit_expires_at + make_interval(secs => p.report_delay_seconds), '-infinity') END)))
UNION ALL
-- Real trades to be held against the quotes around their fills, those after them included.
SELECT 'prices', t.trade_id::text, t.closed_at
  FROM real_trades t
  JOIN execution_policy USING (experiment_id)
  JOIN policy_versions p ON p.version = execution_policy.policy_version
 WHERE t.prices_checked_at IS NULL
   AND t.closed_at + make_interval(secs => p.max_quote_age_seconds + 5) <= statement_timestamp()
