-- What must hold of the whole flow, from a signal to its outcomes; kernel/invariants.py says how this file is read.
-- Most of it the tables' constraints refuse, too: this finds what came past them, such as a restored or edited backup.

-- invariant: signals_are_decided_once
-- A decided signal has exactly one context, one experiment and one decision; any other signal has none.
SELECT s.signal_id, s.status, n.contexts, n.experiments, n.decisions
  FROM signals s
 CROSS JOIN LATERAL (
       SELECT (SELECT count(*) FROM market_contexts c WHERE c.signal_id = s.signal_id) AS contexts,
              (SELECT count(*) FROM experiments e WHERE e.signal_id = s.signal_id) AS experiments,
              (SELECT count(*) FROM execution_policy p JOIN experiments e USING (experiment_id)
                WHERE e.signal_id = s.signal_id) AS decisions,
              (s.status = 'PROCESSED')::int AS expected
       ) n
 WHERE (n.contexts, n.experiments, n.decisions) <> (n.expected, n.expected, n.expected);

-- invariant: both_engines_get_the_stored_context
-- Each experiment is distributed once to A and once to B, with the hash of the context that is stored.
SELECT e.experiment_id, array_agg(d.engine::text ORDER BY d.engine) AS engines,
       array_agg(DISTINCT d.context_hash) AS distributed_hashes, c.context_hash
  FROM experiments e
  JOIN market_contexts c USING (signal_id)
  LEFT JOIN signal_distributions d USING (experiment_id)
 GROUP BY e.experiment_id, c.signal_id
HAVING array_agg(d.engine::text ORDER BY d.engine) IS DISTINCT FROM ARRAY['A', 'B']
    OR NOT coalesce(bool_and(d.context_hash = c.context_hash), false)
    OR c.context_hash <> encode(sha256(convert_to(c.context::text, 'UTF8')), 'hex');

-- invariant: engines_answer_the_stored_context
-- Every recommendation was made from the context of its experiment.
SELECT r.experiment_id, r.engine, r.context_hash AS answered_hash, c.context_hash
  FROM recommendations r
  JOIN experiments e USING (experiment_id)
  JOIN market_contexts c USING (signal_id)
 WHERE r.context_hash <> c.context_hash;

-- invariant: one_engine_trades_for_real
-- An experiment has at most one real trade, by the engine that its decision names.
SELECT t.experiment_id, array_agg(t.engine::text ORDER BY t.engine) AS traded, p.executed_engine
  FROM real_trades t
  LEFT JOIN execution_policy p USING (experiment_id)
 GROUP BY t.experiment_id, p.experiment_id
HAVING count(*) > 1 OR bool_or(t.engine IS DISTINCT FROM p.executed_engine);

-- invariant: trades_follow_an_opening
-- Every trade follows its engine's recommendation in the role that was revealed to it. A shadow follows one to open;
-- real money after a decline is kept, and named NOT_PERMITTED.
SELECT t.role AS traded, t.trade_id, t.experiment_id, t.engine, r.action, r.role
  FROM (SELECT trade_id, experiment_id, engine, role FROM real_trades
        UNION ALL
        SELECT trade_id, experiment_id, engine, role FROM shadow_trades) t
  LEFT JOIN recommendations r USING (experiment_id, engine)
 WHERE r.role IS DISTINCT FROM t.role
    OR r.action <> 'OPEN' AND (t.role = 'SHADOW' OR NOT EXISTS (
           SELECT FROM pair_violations v
            WHERE (v.experiment_id, v.engine, v.name) = (t.experiment_id, t.engine, 'NOT_PERMITTED')));

-- invariant: stale_answers_are_shadows
-- Whoever was told REAL had answered by answer_by: the distribution and the pinned policy's age of answers.
SELECT r.experiment_id, r.engine, r.recommended_at, d.distributed_at, p.max_answer_age_seconds
  FROM recommendations r
  JOIN signal_distributions d USING (experiment_id, engine)
  JOIN experiments e USING (experiment_id)
  JOIN policy_versions p ON p.version = e.policy_version
 WHERE (r.role = 'REAL' OR r.role_reason <> 'STALE_ANSWER')
   AND r.recommended_at > d.distributed_at + make_interval(secs => p.max_answer_age_seconds);

-- invariant: blocks_follow_each_other
-- The judged blocks of an evaluation are numbered and dated one after the other, each with a judgement of its own and
-- with signals that no other has; a revision comes after what it revises, with the same signals.
SELECT b.evaluation_id, b.number, b.revision, b.first_day, before.last_day, shared.experiment_id
  FROM evaluation_blocks b
  LEFT JOIN evaluation_blocks before ON before.evaluation_id = b.evaluation_id
       AND (before.number, before.revision) = (b.number - (b.revision = 1)::int, greatest(b.revision - 1, 1))
  LEFT JOIN LATERAL (
       SELECT unnest(b.experiment_ids) AS experiment_id
       INTERSECT
       SELECT unnest(o.experiment_ids) FROM evaluation_blocks o
        WHERE o.evaluation_id = b.evaluation_id AND o.number <> b.number) shared ON true
 WHERE shared.experiment_id IS NOT NULL
    OR b.n <> cardinality(b.experiment_ids)
    OR CASE WHEN b.revision = 1 THEN before.id IS NULL AND b.number > 1 OR b.first_day <= before.last_day
            ELSE before.id IS NULL OR b.experiment_ids <> before.experiment_ids OR b.judged_at < before.judged_at END;

-- invariant: permits_are_those_revealed
-- Whoever was told a permit has that one; a real trade without one confirmed before it is named NOT_PERMITTED.
SELECT experiment_id, r.engine, p.engine AS holder, r.permit_expires_at, p.expires_at, p.confirmed_at, NULL AS trade_id
  FROM (SELECT * FROM recommendations WHERE permit_expires_at IS NOT NULL) r FULL JOIN permits p USING (experiment_id)
 WHERE (r.engine, r.recommended_at, r.permit_expires_at)
       IS DISTINCT FROM (p.engine, p.revealed_at, p.expires_at)
UNION ALL
SELECT experiment_id, t.engine, p.engine, NULL, p.expires_at, p.confirmed_at, t.trade_id
  FROM real_trades t LEFT JOIN permits p USING (experiment_id)
 WHERE coalesce(p.confirmed_at > t.opened_at, true)
   AND NOT EXISTS (SELECT FROM pair_violations v
                    WHERE (v.experiment_id, v.engine, v.name) = (t.experiment_id, t.engine, 'NOT_PERMITTED'));

-- invariant: shadows_open_their_plan
-- A shadow opens exactly what its engine planned before it knew its role, in units: contracts times multiplier.
SELECT trade_id, instrument, side, planned.units AS planned, opened.units AS opened
  FROM (SELECT t.trade_id, leg.instrument, leg.side, sum(leg.quantity * t.multiplier) AS units
          FROM fills_in_force f
          JOIN shadow_trades t ON t.trade_id = f.shadow_trade_id
         CROSS JOIN json_to_recordset(f.legs) AS leg (instrument text, effect text, side text, quantity numeric)
         WHERE leg.effect = 'OPEN' AND NOT f.is_succession
         GROUP BY 1, 2, 3) opened
  FULL JOIN (SELECT t.trade_id, leg.instrument, leg.side,
                    sum(leg.ratio * (r.plan ->> 'quantity')::numeric * (r.plan ->> 'multiplier')::numeric) AS units
               FROM shadow_trades t JOIN recommendations r USING (experiment_id, engine)
              CROSS JOIN json_to_recordset(r.plan -> 'legs') AS leg (instrument text, side text, ratio numeric)
              WHERE t.status <> 'OPENING'
              GROUP BY 1, 2, 3) planned USING (trade_id, instrument, side)
 WHERE opened.units IS DISTINCT FROM planned.units;

-- invariant: nothing_is_closed_that_was_not_open
-- No fill closes more of an instrument and side than was open.
SELECT p.trade_id, p.number, p.instrument, p.side, p.held
  FROM (SELECT coalesce(f.real_trade_id, f.shadow_trade_id) AS trade_id, f.number, leg.instrument, leg.side,
               sum(CASE leg.effect WHEN 'OPEN' THEN leg.quantity ELSE -leg.quantity END)
                   OVER (PARTITION BY f.real_trade_id, f.shadow_trade_id, leg.instrument, leg.side
                             ORDER BY f.number) AS held
          FROM fills_in_force f
         CROSS JOIN json_to_recordset(f.legs) AS leg (instrument text, effect text, side text, quantity numeric)) p
 WHERE p.held < 0;

-- invariant: closed_trades_are_flat
-- A trade is closed exactly when it has fills and nothing of them is open any more; OPENING has no fill, and neither has
-- what was busted whole.
SELECT t.role AS traded, t.trade_id, t.status, t.fills, t.still_open
  FROM (SELECT t.role, t.trade_id, t.status, t.revision, count(f.id) AS fills,
               coalesce(sum((SELECT sum(CASE leg.effect WHEN 'OPEN' THEN leg.quantity ELSE -leg.quantity END)
                               FROM json_to_recordset(f.legs) AS leg (effect text, quantity numeric))), 0) AS still_open
          FROM (SELECT trade_id, role, status, revision FROM real_trades
                UNION ALL
                SELECT trade_id, role, status, revision FROM shadow_trades) t
          LEFT JOIN fills_in_force f ON t.trade_id = coalesce(f.real_trade_id, f.shadow_trade_id)
         GROUP BY t.role, t.trade_id, t.status, t.revision) t
 WHERE (t.status = 'OPENING' OR t.status = 'UNPRICED' AND t.revision > 1 AND t.fills = 0) <> (t.fills = 0)
    OR (t.status = 'CLOSED') <> (t.fills > 0 AND t.still_open = 0);

-- invariant: real_exits_issue_a_directive
-- Every closing fill of a real trade issued a directive for its shadow as it was first told, up to the one that ends the
-- pair; a closed trade issued that one.
SELECT t.trade_id, t.experiment_id, f.fill_ref, f.time
  FROM real_trades t
  JOIN trade_fills f ON f.real_trade_id = t.trade_id
  LEFT JOIN exit_directives d ON d.real_fill_id = f.id
 WHERE d.id IS NULL AND f.revision = 1 AND NOT f.is_succession
   AND EXISTS (SELECT FROM json_array_elements(f.legs) leg WHERE leg ->> 'effect' = 'CLOSE')
   AND NOT EXISTS (SELECT FROM exit_directives e JOIN trade_fills ended ON ended.id = e.real_fill_id
                    WHERE e.real_trade_id = t.trade_id AND e.is_last AND ended.number < f.number)
UNION ALL
SELECT t.trade_id, t.experiment_id, 'the last one', t.exit_time
  FROM real_trades t
 WHERE t.status = 'CLOSED' AND NOT EXISTS (
           SELECT FROM exit_directives d WHERE d.real_trade_id = t.trade_id AND d.is_last);

-- invariant: shares_are_those_of_the_real_fill
-- A directive closes the share of the shadow that its fill closed of the real trade, rounded to eight decimals, and
-- the last one all that is left. Shadows of which a contract ended before, or got a successor, are left out: their shares
-- start anew.
WITH shares AS (
    SELECT d.id, d.number, d.shadow_trade_id, d.closed_quantity, d.open_quantity, d.is_last, d.state,
           held.instrument, held.side, coalesce(leg.quantity, 0) AS closing,
           held.quantity - coalesce(sum(leg.quantity) OVER (PARTITION BY d.shadow_trade_id, held.instrument, held.side
                 ORDER BY d.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS remaining
      FROM exit_directives d
      JOIN trade_fills f ON f.shadow_trade_id = d.shadow_trade_id AND f.number = 1
     CROSS JOIN json_to_recordset(f.legs) AS held (instrument text, side text, quantity numeric)
      LEFT JOIN LATERAL json_to_recordset(d.closing_legs) AS leg (instrument text, side text, quantity numeric)
        ON (leg.instrument, leg.side) = (held.instrument, held.side)
     WHERE d.closing_legs IS NOT NULL AND d.state <> 'NO_SHADOW'
       AND NOT EXISTS (SELECT FROM trade_fills s CROSS JOIN json_array_elements(s.legs) AS settled
                        WHERE s.shadow_trade_id = d.shadow_trade_id
                          AND (s.is_succession OR settled ->> 'settlement' IS NOT NULL))
)
SELECT id AS directive, shadow_trade_id AS shadow_trade, instrument, closed_quantity, open_quantity, remaining, closing
  FROM shares
 WHERE CASE WHEN is_last THEN closing <> remaining
            ELSE abs(closing * open_quantity - remaining * closed_quantity) > 0.000000005 * open_quantity END;

-- invariant: shadows_exit_with_the_real_trade
-- Each synchronised fill of a shadow was made by a directive, and has time and conditions of the real fill behind it.
SELECT s.shadow_trade_id AS shadow_trade, s.fill_ref, s.time AS shadow_time, r.time AS real_time,
       s.conditions_hash AS shadow_conditions, r.conditions_hash AS real_conditions
  FROM trade_fills s
  LEFT JOIN exit_directives d ON d.shadow_trade_id = s.shadow_trade_id AND s.fill_ref = 'directive-' || d.number
                             AND d.state = 'DONE'
  LEFT JOIN trade_fills r ON r.id = d.real_fill_id AND r.real_trade_id = d.real_trade_id
 WHERE s.shadow_trade_id IS NOT NULL AND s.reason = 'SYNCHRONISED'
   AND (r.id IS NULL OR (s.time, s.conditions_hash) <> (r.time, r.conditions_hash))
UNION ALL
SELECT d.shadow_trade_id, 'none', NULL, d.exit_time, NULL, d.conditions_hash
  FROM exit_directives d
 WHERE d.state = 'DONE' AND NOT EXISTS (SELECT FROM trade_fills s WHERE s.shadow_trade_id = d.shadow_trade_id
                                           AND s.fill_ref = 'directive-' || d.number AND s.reason = 'SYNCHRONISED');

-- invariant: shadows_trade_at_the_touch
-- No fill of a shadow is better than the quote that it names, or known before that quote; a contract that ended has the
-- price that it settled at; a neutral quote is the one that is stored.
SELECT f.shadow_trade_id AS shadow_trade, f.fill_ref, leg.instrument, leg.price, leg.quote, leg.settlement
  FROM trade_fills f
 CROSS JOIN json_to_recordset(f.legs)
         AS leg (instrument text, effect text, side text, price numeric, quote jsonb, settlement jsonb)
  LEFT JOIN quotes q ON q.id = (leg.quote ->> 'quote_id')::bigint
 WHERE f.shadow_trade_id IS NOT NULL AND NOT f.is_succession
   AND CASE
       WHEN leg.settlement IS NOT NULL THEN leg.price <> (leg.settlement ->> 'price')::numeric
       WHEN leg.quote IS NULL THEN true
       WHEN (leg.effect = 'OPEN') = (leg.side = 'SHORT') THEN leg.price > (leg.quote ->> 'bid')::numeric
       ELSE leg.price < (leg.quote ->> 'ask')::numeric END
    OR f.shadow_trade_id IS NOT NULL AND leg.effect = 'CLOSE' AND (leg.quote ->> 'quote_time')::timestamptz > f.time
    OR f.shadow_trade_id IS NOT NULL AND (leg.quote ->> 'source' = 'NEUTRAL_QUOTE') <> (q.id IS NOT NULL)
    OR (q.instrument, q.bid, q.ask, q.quote_time) <> (leg.instrument, (leg.quote ->> 'bid')::numeric,
           (leg.quote ->> 'ask')::numeric, (leg.quote ->> 'quote_time')::timestamptz);

-- invariant: shadows_pay_the_schedule
-- What the schedule of the pinned policy version charges is stored with every fill, and a shadow pays it.
SELECT f.experiment_id, f.engine, f.fill_ref, f.fees, f.scheduled_fees, charged.fees AS expected
  FROM fills_in_force f
  JOIN execution_policy e USING (experiment_id)
  JOIN policy_versions p ON p.version = e.policy_version
  JOIN (SELECT trade_id, multiplier FROM real_trades UNION ALL SELECT trade_id, multiplier FROM shadow_trades) t
       ON t.trade_id IN (f.real_trade_id, f.shadow_trade_id)
 CROSS JOIN LATERAL (
       SELECT p.fee_per_order
              + coalesce(sum(leg.quantity * greatest(1, ceil(t.multiplier / 100)) * p.fee_per_contract)
                  FILTER (WHERE leg.instrument ~ '^[A-Z0-9. ]{6}[0-9]{6}[CP][0-9]{8}$'), 0) AS fees
         FROM json_to_recordset(f.legs) AS leg (instrument text, quantity numeric)
       ) charged
 WHERE NOT f.is_succession
   AND (f.scheduled_fees <> charged.fees OR (f.shadow_trade_id IS NOT NULL AND f.fees <> f.scheduled_fees));

-- invariant: exits_have_an_outcome
-- Every trade that was closed has its outcome, of the same experiment, engine and time; an open one has none, and
-- neither has a shadow that opened after the real exit.
SELECT t.role AS traded, t.trade_id, t.status, t.exit_time, o.exit_time AS outcome_exit_time
  FROM (SELECT trade_id, experiment_id, engine, role, status, exit_time, flags FROM real_trades
        UNION ALL
        SELECT trade_id, experiment_id, engine, role, status, exit_time, flags FROM shadow_trades) t
  LEFT JOIN (SELECT 'REAL' AS role, trade_id, experiment_id, engine, exit_time FROM latest_real_outcomes
             UNION ALL
             SELECT 'SHADOW', trade_id, experiment_id, engine, exit_time FROM latest_shadow_outcomes) o
         USING (role, trade_id)
 WHERE (o.trade_id IS NOT NULL) <> (t.status IN ('CLOSED', 'UNPRICED')
                                    AND NOT t.flags::jsonb @> '["AFTER_REAL_EXIT"]')
    OR (o.experiment_id, o.engine, o.exit_time) <> (t.experiment_id, t.engine, t.exit_time);

-- invariant: outcomes_are_the_sum_of_their_fills
-- The P&L of an outcome is proceeds less costs over its trade's fills, less their fees, to the last digit; where
-- nothing was rolled, the comparison takes the same with the schedule's fees.
SELECT o.role AS traded, o.trade_id, o.gross_pnl, o.multiplier * sums.cash AS gross, o.fees, sums.fees AS paid, o.pnl,
       o.compared_pnl
  FROM (SELECT t.role, trade_id, t.multiplier, t.flags, o.gross_pnl, o.fees, o.scheduled_fees, o.pnl, o.compared_pnl
          FROM latest_real_outcomes o JOIN real_trades t USING (trade_id)
        UNION ALL
        SELECT t.role, trade_id, t.multiplier, t.flags, o.gross_pnl, o.fees, o.scheduled_fees, o.pnl, o.compared_pnl
          FROM latest_shadow_outcomes o JOIN shadow_trades t USING (trade_id)) o
  LEFT JOIN (SELECT coalesce(f.real_trade_id, f.shadow_trade_id) AS trade_id, sum(f.fees) AS fees,
                    sum(f.scheduled_fees) AS scheduled_fees, sum(moved.cash) AS cash
               FROM fills_in_force f
              CROSS JOIN LATERAL (
                    SELECT sum(leg.quantity * leg.price
                               * CASE WHEN (leg.effect = 'OPEN') = (leg.side = 'SHORT') THEN 1 ELSE -1 END) AS cash
                      FROM json_to_recordset(f.legs) AS leg (effect text, side text, quantity numeric, price numeric)
                    ) moved
              GROUP BY 1) sums USING (trade_id)
 WHERE (o.fees, o.scheduled_fees) <> (coalesce(sums.fees, 0), coalesce(sums.scheduled_fees, 0))
    OR (o.gross_pnl, o.pnl) <> (o.multiplier * sums.cash, o.multiplier * sums.cash - sums.fees)
    OR (NOT o.flags::jsonb @> '["ROLLED"]' AND o.compared_pnl <> o.multiplier * sums.cash - sums.scheduled_fees);

-- invariant: own_exits_are_of_shadows
-- An own exit is that of a shadow, leaves all that it opened, not before it was entered, and comes to its P&L by the
-- entry and its own prices alone.
SELECT x.trade_id, x.state, x.exit_time, x.pnl, sums.pnl AS expected, sums.held
  FROM own_exits x
  LEFT JOIN shadow_trades t USING (trade_id, experiment_id, engine)
  LEFT JOIN trade_fills f ON f.shadow_trade_id = t.trade_id AND f.number = 1
 CROSS JOIN LATERAL (
       SELECT t.multiplier * sum(leg.quantity * leg.price
                  * CASE WHEN (leg.effect = 'OPEN') = (leg.side = 'SHORT') THEN 1 ELSE -1 END) - x.fees AS pnl,
              sum(CASE leg.effect WHEN 'OPEN' THEN leg.quantity ELSE -leg.quantity END) AS held
         FROM (SELECT json_array_elements(f.legs) AS executed UNION ALL SELECT json_array_elements(x.legs)) both_ends
        CROSS JOIN json_to_record(executed) AS leg (effect text, side text, quantity numeric, price numeric)) sums
 WHERE t.trade_id IS NULL OR x.exit_time < t.entry_time
    OR (x.state = 'DONE' AND (x.pnl IS DISTINCT FROM sums.pnl OR sums.held IS DISTINCT FROM 0 AND NOT EXISTS (
            SELECT FROM trade_fills s WHERE s.shadow_trade_id = x.trade_id AND s.is_succession)));

-- invariant: amendments_revise_their_trade
-- A trade was revised once for each accepted amendment, which brought one fill. No revision of a fill or a result is
-- without the one before it.
SELECT t.trade_id, t.revision, a.accepted, a.fills
  FROM (SELECT trade_id, revision FROM real_trades UNION ALL SELECT trade_id, revision FROM shadow_trades) t
  LEFT JOIN (SELECT coalesce(a.real_trade_id, a.shadow_trade_id) AS trade_id, count(*) AS accepted, count(f.id) AS fills
               FROM trade_amendments a LEFT JOIN trade_fills f ON f.amendment_id = a.id
              WHERE a.state = 'ACCEPTED' GROUP BY 1) a USING (trade_id)
 WHERE t.revision <> 1 + coalesce(a.accepted, 0) OR a.fills <> a.accepted
UNION ALL
SELECT coalesce(f.real_trade_id, f.shadow_trade_id), f.revision, NULL, NULL
  FROM trade_fills f
 WHERE f.revision > 1 AND NOT EXISTS (
       SELECT FROM trade_fills e
        WHERE coalesce(e.real_trade_id, e.shadow_trade_id) = coalesce(f.real_trade_id, f.shadow_trade_id)
          AND e.fill_ref = f.fill_ref AND e.revision = f.revision - 1)
UNION ALL
SELECT o.trade_id, o.revision, NULL, NULL
  FROM (SELECT trade_id, revision FROM real_outcomes UNION ALL SELECT trade_id, revision FROM shadow_outcomes) o
 WHERE o.revision > 1 AND NOT EXISTS (
       SELECT FROM (SELECT trade_id, revision FROM real_outcomes
                    UNION ALL SELECT trade_id, revision FROM shadow_outcomes) e
        WHERE (e.trade_id, e.revision) = (o.trade_id, o.revision - 1));

-- invariant: signals_wait_in_one_place
-- A signal that is to be tried is in the queue or in one batch, as its state says; no other is in either.
SELECT signal_id, t.is_retry, t.due_at, q.place, q.is_retry AS queued_as_retry, q.due_at AS queued_for
  FROM signals_to_try t
  FULL JOIN (SELECT 'queue' AS place, signal_id, is_retry, due_at FROM waiting_signals
              UNION ALL SELECT 'batch ' || token, unnest(signal_ids), NULL, NULL FROM worker_batches) q
    USING (signal_id)
 WHERE t.signal_id IS NULL OR q.signal_id IS NULL
    OR (q.place = 'queue' AND (t.is_retry, t.due_at) <> (q.is_retry, q.due_at))
    OR signal_id IN (SELECT unnest(signal_ids) FROM worker_batches GROUP BY 1 HAVING count(*) > 1)
    OR (q.place <> 'queue' AND signal_id IN (SELECT signal_id FROM waiting_signals));

-- invariant: no_signal_waits
-- once: decided
-- Every signal is decided, unless an operator discarded it.
SELECT signal_id, status, attempts, last_error
  FROM signals
 WHERE status <> 'PROCESSED' AND discarded_at IS NULL AND source = coalesce(%(source)s, source);

-- invariant: no_batch_is_claimed
-- once: decided
-- No worker has claimed a batch of signals.
SELECT token, backend_pid, started_at, signal_ids FROM worker_batches;

-- invariant: both_engines_answered
-- once: traded
-- Both engines answered every experiment.
SELECT e.experiment_id, array_agg(r.engine::text ORDER BY r.engine) AS answered
  FROM experiments e
  JOIN signals s USING (signal_id)
  LEFT JOIN recommendations r USING (experiment_id)
 WHERE s.source = coalesce(%(source)s, s.source)
 GROUP BY e.experiment_id
HAVING count(DISTINCT r.engine) <> 2;

-- invariant: openings_were_traded
-- once: traded
-- Every recommendation to open was traded.
SELECT r.experiment_id, r.engine, r.role
  FROM recommendations r
  JOIN experiments e USING (experiment_id)
  JOIN signals s USING (signal_id)
 WHERE r.action = 'OPEN' AND s.source = coalesce(%(source)s, s.source)
   AND NOT EXISTS (SELECT FROM real_trades t WHERE (t.experiment_id, t.engine) = (r.experiment_id, r.engine))
   AND NOT EXISTS (SELECT FROM shadow_trades t WHERE (t.experiment_id, t.engine) = (r.experiment_id, r.engine));

-- invariant: nothing_is_pending
-- once: traded
-- No trade is open, and no exit waits for a price.
SELECT p.what, p.id, p.experiment_id
  FROM (SELECT 'real trade' AS what, trade_id::text AS id, experiment_id FROM real_trades
         WHERE status IN ('OPENING', 'OPEN')
        UNION ALL
        SELECT 'shadow trade', trade_id::text, experiment_id FROM shadow_trades WHERE status IN ('OPENING', 'OPEN')
        UNION ALL
        SELECT 'exit directive', id::text, experiment_id FROM exit_directives WHERE state = 'PENDING'
        UNION ALL
        SELECT 'own exit', trade_id::text, experiment_id FROM own_exits WHERE state = 'PENDING') p
  JOIN experiments e USING (experiment_id)
  JOIN signals s USING (signal_id)
 WHERE s.source = coalesce(%(source)s, s.source);

-- invariant: pairs_are_fair
-- once: traded
-- No pair of a real and a shadow trade broke a rule of the comparison. Engines can break one; the report says which.
SELECT v.name, v.experiment_id, v.engine, v.detail
  FROM pair_violations v
  JOIN experiments e USING (experiment_id)
  JOIN signals s USING (signal_id)
 WHERE s.source = coalesce(%(source)s, s.source);

-- invariant: every_month_has_its_partition
-- No quote, market data, audit entry or delivery lies in a partition of last resort.
SELECT 'quotes' AS partitioned, id, quote_time AS moment FROM quotes_default
UNION ALL SELECT 'market_data', id, as_of FROM market_data_default
UNION ALL SELECT 'audit_log', id, at FROM audit_log_default
UNION ALL SELECT 'webhook_deliveries', id, received_at FROM webhook_deliveries_default;

-- invariant: report_sums_are_those_of_the_trades
-- The report's sums of every day that is not marked as out of date are those of the real trades that ended on it,
-- archived or not, and their list by P&L names the same experiments.
WITH marked AS (SELECT DISTINCT day FROM report_marks),
rows AS (
    SELECT (exit_time AT TIME ZONE 'America/New_York')::date AS day, engine::text, currency::text,
           count(pnl) AS trades, coalesce(sum(pnl), 0) AS pnl,
           array_agg(experiment_id ORDER BY experiment_id) AS whose
      FROM (SELECT exit_time, engine, currency, pnl, experiment_id FROM latest_real_outcomes
            UNION ALL SELECT exit_time, engine, currency, pnl, experiment_id FROM archived_results WHERE kind = 'real') ended
     GROUP BY 1, 2, 3
),
sums AS (
    SELECT day, engine::text, currency::text, coalesce(n, 0) AS trades, coalesce(total, 0) AS pnl,
           (SELECT array_agg(id ORDER BY id) FROM unnest(ranked_experiments) id) AS whose
      FROM report_cells WHERE slice_id IS NULL AND kind = 'real'
)
SELECT day, engine, currency, sums.trades AS summed_trades, rows.trades, sums.pnl AS summed_pnl, rows.pnl
  FROM sums FULL JOIN rows USING (day, engine, currency)
 WHERE day NOT IN (SELECT day FROM marked)
   AND (sums.trades, sums.pnl, sums.whose) IS DISTINCT FROM (rows.trades, rows.pnl, rows.whose);

-- invariant: months_of_the_report_are_their_days
-- The report's sums of a whole month are those of its days.
WITH months AS (
    SELECT day, kind, engine, currency, coalesce(n, 0) AS trades, coalesce(total, 0) AS pnl, squared_days AS squares
      FROM report_months WHERE slice_id IS NULL
),
days AS (
    SELECT date_trunc('month', day)::date AS day, kind, engine, currency, coalesce(sum(n), 0) AS trades,
           coalesce(sum(total), 0) AS pnl, coalesce(sum(total * total), 0) AS squares
      FROM report_cells WHERE slice_id IS NULL GROUP BY 1, 2, 3, 4
)
SELECT day, kind, engine, currency, months.trades AS summed_trades, days.trades, months.pnl AS summed_pnl, days.pnl
  FROM months FULL JOIN days USING (day, kind, engine, currency)
 WHERE day IN (SELECT day FROM report_months)
   AND (months.trades, months.pnl, months.squares) IS DISTINCT FROM (days.trades, days.pnl, days.squares);

-- invariant: accounts_wear_one_hat
-- No account but a superuser's both grants rights and operates or approves.
SELECT username FROM accounts_of_two_hats(ARRAY(SELECT id FROM auth_user)) AS username;
