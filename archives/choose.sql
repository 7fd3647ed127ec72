-- What may go now: keys and times of receipt, the oldest first. %(before)s is when the retention begins, %(after)s where
-- an earlier look of the same run has ended, %(many)s how many are taken at a time.
-- choose: signals
-- Decided or discarded, and final: nothing about it is open, and nothing of it was told since the retention began. Not
-- what may still count: of an evaluation that is not concluded, of a running ramp's step, of the losses in a row that
-- the guardrail counts (from the last real trade on that was none), and not the latest time of a replayed source.
WITH last_other AS (
    SELECT exit_time, trade_id FROM latest_real_outcomes WHERE pnl >= 0 ORDER BY exit_time DESC, trade_id DESC LIMIT 1
)
SELECT s.signal_id, s.received_at
  FROM signals s
  LEFT JOIN experiments e USING (signal_id)
 WHERE (s.received_at, s.signal_id) > (%(after)s, %(after_key)s::uuid)
   AND s.received_at < least(%(before)s,
                             (SELECT min(begins_at) FROM evaluation_runs WHERE concluded_at IS NULL))
   AND (s.status = 'PROCESSED' OR s.discarded_at IS NOT NULL)
   AND NOT is_held(s.symbol, e.experiment_id, s.received_at)
   AND (NOT s.replayed OR s.timestamp < (SELECT max(x.timestamp) FROM signals x
                                          WHERE x.source = s.source AND x.replayed))
   AND NOT EXISTS (SELECT FROM policy_ramps WHERE state = 'RUNNING' AND current_version_id = e.policy_version)
   AND NOT EXISTS (SELECT FROM real_trades t WHERE t.experiment_id = e.experiment_id
                    AND (t.status IN ('OPENING', 'OPEN') OR t.prices_checked_at IS NULL OR t.closed_at >= %(before)s))
   AND NOT EXISTS (SELECT FROM shadow_trades t WHERE t.experiment_id = e.experiment_id
                    AND (t.status IN ('OPENING', 'OPEN') OR t.closed_at >= %(before)s))
   AND NOT EXISTS (SELECT FROM latest_real_outcomes o WHERE o.experiment_id = e.experiment_id
                    AND NOT EXISTS (SELECT FROM last_other l
                                     WHERE (l.exit_time, l.trade_id) > (o.exit_time, o.trade_id)))
   AND NOT EXISTS (SELECT FROM exit_directives x WHERE x.experiment_id = e.experiment_id AND x.state = 'PENDING')
   AND NOT EXISTS (SELECT FROM own_exits x WHERE x.experiment_id = e.experiment_id
                    AND (x.state = 'PENDING' OR x.priced_at >= %(before)s))
   AND NOT EXISTS (SELECT FROM trade_amendments a WHERE a.experiment_id = e.experiment_id
                    AND (a.state = 'PROPOSED' OR a.decided_at >= %(before)s))
   AND NOT EXISTS (SELECT FROM incidents i LEFT JOIN incident_acknowledgements k ON k.incident_id = i.id
                    WHERE i.experiment_id = e.experiment_id AND k.incident_id IS NULL)
 ORDER BY s.received_at, s.signal_id
 LIMIT %(many)s
-- choose: deliveries
-- The last of those that an operator had judged again, with the ones before it; not the latest time of a replayed
-- source, which is its clock.
SELECT d.id, d.received_at
  FROM webhook_deliveries d
 WHERE (d.received_at, d.id) > (%(after)s, %(after_key)s::bigint) AND d.received_at < %(before)s
   AND d.signal_id IS NULL
   AND NOT is_held(NULL, NULL, d.received_at)
   AND NOT EXISTS (SELECT FROM redrives r WHERE r.delivery_id = d.id)
   AND (d.alert_time IS NULL OR EXISTS (SELECT FROM webhook_deliveries later
                                         WHERE later.source_id = d.source_id AND later.alert_time > d.alert_time))
 ORDER BY d.received_at, d.id
 LIMIT %(many)s
-- choose: quotes
-- From a day before the oldest signal on, a trade may refer to them: `manage.py verify` holds fills against them.
SELECT q.id, q.received_at
  FROM quotes q
 WHERE q.id > %(after_key)s::bigint AND q.received_at < %(before)s
   AND q.quote_time < coalesce((SELECT min(timestamp) FROM signals) - interval '1 day', 'infinity')
   AND NOT is_held(NULL, NULL, q.received_at)
 ORDER BY q.id
 LIMIT %(many)s
-- choose: market_data
SELECT m.id, m.received_at
  FROM market_data m
 WHERE m.id > %(after_key)s::bigint AND m.received_at < %(before)s AND NOT is_held(NULL, NULL, m.received_at)
 ORDER BY m.id
 LIMIT %(many)s
-- choose: audit
SELECT a.id, a.at
  FROM audit_log a
 WHERE a.id > %(after_key)s::bigint AND a.at < %(before)s AND NOT is_held(NULL, NULL, a.at)
 ORDER BY a.id
 LIMIT %(many)s
