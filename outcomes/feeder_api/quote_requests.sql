-- What needs quotes: source, instrument as reported, the replayed moment or null, the moment on whose day it is quoted,
-- and whether only the underlying of what has ended by then is meant.
WITH trades AS (
    -- Trades that can still move, and real ones that are still to be held against the quotes around their fills.
    SELECT trade_id, experiment_id, status, legs, entry_time, prices_checked_at IS NULL AS is_unchecked
      FROM real_trades
     WHERE status IN ('OPENING', 'OPEN') OR (prices_checked_at IS NULL AND closed_at IS NOT NULL)
    UNION ALL
    SELECT trade_id, experiment_id, status, legs, entry_time, false
      FROM shadow_trades
     WHERE status IN ('OPENING', 'OPEN')
    UNION ALL
    -- Shadows that followed the real exit, and may still leave by their own rules.
    SELECT t.trade_id, t.experiment_id, t.status, t.legs, t.entry_time, false
      FROM shadow_trades t LEFT JOIN own_exits x USING (trade_id)
     WHERE t.exit_reason = 'SYNCHRONISED'
       AND t.opened_at > statement_timestamp() - make_interval(days => (OWN_EXIT_DAYS)::int)
       AND (x.trade_id IS NULL OR x.state = 'PENDING')
), traded AS (
    SELECT t.*, s.source, s.replayed
      FROM trades t JOIN experiments USING (experiment_id) JOIN signals s USING (signal_id)
), executed AS (
    SELECT t.trade_id, t.is_unchecked, t.source, t.replayed, f.time, leg ->> 'instrument' AS instrument
      FROM traded t
      JOIN trade_fills f ON f.real_trade_id = t.trade_id OR f.shadow_trade_id = t.trade_id
     CROSS JOIN json_array_elements(f.legs) AS leg
), held AS (
    -- Every instrument of a trade: later fills may have rolled into others.
    SELECT trade_id, source, replayed, status = 'OPENING' AS is_opening, entry_time, leg ->> 'instrument' AS instrument
      FROM traded CROSS JOIN json_array_elements(legs) AS leg
    UNION
    SELECT trade_id, source, replayed, false, NULL, instrument FROM executed
)
-- Live: plans as long as they may be opened.
SELECT s.source, leg ->> 'instrument', NULL::timestamptz, statement_timestamp(), false
  FROM recommendations r
  JOIN experiments USING (experiment_id)
  JOIN signals s USING (signal_id)
  JOIN execution_policy USING (experiment_id)
  JOIN policy_versions p ON p.version = execution_policy.policy_version
 CROSS JOIN json_array_elements(r.plan -> 'legs') AS leg
 WHERE r.action = 'OPEN' AND NOT s.replayed
   -- The first bound is for the index, the second the rule.
   AND r.recommended_at > statement_timestamp()
       - make_interval(secs => (SELECT max(entry_window_seconds) FROM policy_versions))
   AND r.recommended_at > statement_timestamp() - make_interval(secs => p.entry_window_seconds)
UNION
-- Live: whatever the trades have held.
SELECT source, instrument, NULL, statement_timestamp(), false FROM held WHERE NOT replayed
UNION
-- Replayed: entries, exits and own exits that wait for a price.
SELECT source, instrument, entry_time, entry_time, false FROM held WHERE replayed AND is_opening
UNION
SELECT h.source, h.instrument, d.exit_time, d.exit_time, false
  FROM exit_directives d JOIN held h ON h.trade_id = d.shadow_trade_id
 WHERE d.state = 'PENDING' AND h.replayed
UNION
SELECT h.source, h.instrument, x.exit_time, x.exit_time, false
  FROM own_exits x JOIN held h USING (trade_id)
 WHERE x.state = 'PENDING' AND h.replayed
UNION
-- Replayed: fills of real trades that are still to be held against quotes.
SELECT source, instrument, time, time, false FROM executed WHERE replayed AND is_unchecked
UNION
-- Replayed: what contracts that have ended by the source's clock settle at.
SELECT h.source, h.instrument, clock.at, clock.at, true
  FROM held h
 CROSS JOIN LATERAL (
    SELECT timestamp AS at FROM signals WHERE source = h.source AND replayed ORDER BY timestamp DESC LIMIT 1
 ) AS clock
 WHERE h.replayed
