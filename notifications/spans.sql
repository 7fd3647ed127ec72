-- The stages of experiments that ended in a span of time: which experiment, the stage's name, which of several, when it
-- began and ended, whether it failed, and what is told of it. Nothing of a role before its engine has answered: a decision
-- names its rule's version and not what it ruled. Replayed signals have a clock of their own, and no traces.
SELECT experiment_id, name, which, begun, ended, has_failed, jsonb_strip_nulls(told)
  FROM (
SELECT e.experiment_id, 'signal', '', s.received_at, e.created_at, false,
       jsonb_build_object('signal.id', s.signal_id, 'signal.source', s.source, 'signal.symbol', s.symbol,
                          'signal.direction', s.direction, 'signal.timeframe', s.timeframe)
  FROM experiments e JOIN signals s USING (signal_id)
 WHERE e.created_at >= %(since)s AND e.created_at < %(until)s
UNION ALL
SELECT e.experiment_id, 'webhook', '', w.received_at, w.received_at + make_interval(secs => w.duration_ms / 1000), false,
       jsonb_build_object('delivery.id', w.id)
  FROM experiments e
  JOIN signals s USING (signal_id)
  JOIN webhook_deliveries w ON w.signal_id = s.signal_id AND w.received_at = s.received_at AND w.outcome = 'accepted'
 WHERE e.created_at >= %(since)s AND e.created_at < %(until)s
UNION ALL
SELECT e.experiment_id, 'decision', '', e.created_at, d.decided_at, false,
       jsonb_build_object('policy.version', d.policy_version, 'rules.version', d.rules_version)
  FROM experiments e JOIN execution_policy d USING (experiment_id)
 WHERE e.created_at >= %(since)s AND e.created_at < %(until)s
UNION ALL
SELECT r.experiment_id, 'recommendation', r.engine, d.distributed_at, r.recommended_at, false,
       jsonb_build_object('engine', r.engine, 'action', r.action, 'role', r.role, 'role.reason', r.role_reason,
                          'strategy.version', r.strategy_version)
  FROM recommendations r JOIN signal_distributions d USING (experiment_id, engine)
 WHERE r.recommended_at >= %(since)s AND r.recommended_at < %(until)s
UNION ALL
SELECT experiment_id, 'permit', '', revealed_at, confirmed_at, false, jsonb_build_object('engine', engine)
  FROM permits
 WHERE confirmed_at >= %(since)s AND confirmed_at < %(until)s
UNION ALL
SELECT experiment_id, 'real trade', engine, opened_at, closed_at, false,
       jsonb_build_object('engine', engine, 'trade.id', trade_id, 'exit.reason', exit_reason)
  FROM real_trades
 WHERE closed_at >= %(since)s AND closed_at < %(until)s
UNION ALL
SELECT experiment_id, 'shadow trade', engine, opened_at, closed_at, false,
       jsonb_build_object('engine', engine, 'trade.id', trade_id, 'exit.reason', exit_reason)
  FROM shadow_trades
 WHERE closed_at >= %(since)s AND closed_at < %(until)s
UNION ALL
SELECT experiment_id, 'shadow exit', number::text, issued_at, settled_at, state = 'EXPIRED',
       jsonb_build_object('engine', shadow_engine, 'state', state)
  FROM exit_directives
 WHERE settled_at >= %(since)s AND settled_at < %(until)s
UNION ALL
SELECT o.experiment_id, 'outcome', 'real ' || o.revision, t.closed_at, o.recorded_at, false,
       jsonb_build_object('engine', o.engine, 'role', 'REAL', 'pnl', trim_scale(o.pnl)::text, 'currency', o.currency,
                          'revision', o.revision)
  FROM real_outcomes o JOIN real_trades t USING (trade_id)
 WHERE o.recorded_at >= %(since)s AND o.recorded_at < %(until)s
UNION ALL
SELECT o.experiment_id, 'outcome', 'shadow ' || o.engine || o.revision, t.closed_at, o.recorded_at, o.pnl IS NULL,
       jsonb_build_object('engine', o.engine, 'role', 'SHADOW', 'pnl', trim_scale(o.pnl)::text, 'currency', o.currency,
                          'revision', o.revision)
  FROM shadow_outcomes o JOIN shadow_trades t USING (trade_id)
 WHERE o.recorded_at >= %(since)s AND o.recorded_at < %(until)s
UNION ALL
SELECT experiment_id, 'incident', id::text, occurred_at, occurred_at, true,
       jsonb_build_object('engine', engine, 'kind', kind)
  FROM incidents
 WHERE occurred_at >= %(since)s AND occurred_at < %(until)s
) AS stage (experiment_id, name, which, begun, ended, has_failed, told)
  JOIN experiments USING (experiment_id)
  JOIN signals USING (signal_id)
 WHERE NOT replayed
 ORDER BY ended, experiment_id, name, which
