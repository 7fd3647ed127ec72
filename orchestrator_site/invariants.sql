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
-- Every trade follows its engine's recommendation to open, in the role that was revealed to it.
SELECT t.role AS traded, t.trade_id, t.experiment_id, t.engine, r.action, r.role
  FROM (SELECT trade_id, experiment_id, engine, role FROM real_trades
        UNION ALL
        SELECT trade_id, experiment_id, engine, role FROM shadow_trades) t
  LEFT JOIN recommendations r USING (experiment_id, engine)
 WHERE r.action IS DISTINCT FROM 'OPEN' OR r.role IS DISTINCT FROM t.role;

-- invariant: real_exits_issue_a_directive
-- Every real exit issued the directive for its shadow's exit.
SELECT t.trade_id, t.experiment_id, t.exit_time
  FROM real_trades t
 WHERE t.status <> 'OPEN' AND NOT EXISTS (SELECT FROM exit_directives d WHERE d.real_trade_id = t.trade_id);

-- invariant: shadows_exit_with_the_real_trade
-- A shadow that followed a directive exited at the real exit's time, under the same market conditions.
SELECT d.id AS directive, s.trade_id AS shadow_trade, s.exit_time AS shadow_exit, t.exit_time AS real_exit,
       d.conditions_hash AS directive_conditions, t.conditions_hash AS real_conditions
  FROM exit_directives d
  JOIN real_trades t ON t.trade_id = d.real_trade_id
  JOIN shadow_trades s ON s.trade_id = d.shadow_trade_id
 WHERE d.conditions_hash IS DISTINCT FROM t.conditions_hash
    OR (s.status <> 'OPEN' AND s.exit_time IS DISTINCT FROM t.exit_time);

-- invariant: exits_have_an_outcome
-- Every trade that was closed has its outcome, of the same experiment, engine and time; an open one has none.
SELECT t.role AS traded, t.trade_id, t.status, t.exit_time, o.exit_time AS outcome_exit_time
  FROM (SELECT trade_id, experiment_id, engine, role, status, exit_time FROM real_trades
        UNION ALL
        SELECT trade_id, experiment_id, engine, role, status, exit_time FROM shadow_trades) t
  LEFT JOIN (SELECT 'REAL' AS role, trade_id, experiment_id, engine, exit_time FROM real_outcomes
             UNION ALL
             SELECT 'SHADOW', trade_id, experiment_id, engine, exit_time FROM shadow_outcomes) o USING (role, trade_id)
 WHERE (t.status = 'OPEN') = (o.trade_id IS NOT NULL)
    OR (o.experiment_id, o.engine, o.exit_time) <> (t.experiment_id, t.engine, t.exit_time);

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
-- No trade is open and no exit directive is pending.
SELECT p.what, p.id, p.experiment_id
  FROM (SELECT 'real trade' AS what, trade_id::text AS id, experiment_id FROM real_trades WHERE status = 'OPEN'
        UNION ALL
        SELECT 'shadow trade', trade_id::text, experiment_id FROM shadow_trades WHERE status = 'OPEN'
        UNION ALL
        SELECT 'exit directive', id::text, experiment_id FROM exit_directives WHERE state = 'PENDING') p
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
