-- What an experiment should have and has not, in the order of the flow: rows that were deleted past all triggers. Each
-- is told by another row that could not be there without it.
WITH e AS (SELECT * FROM experiments WHERE experiment_id = %(experiment)s),
     trades AS (
         SELECT 'real' AS kind, trade_id, engine, status, flags, revision FROM real_trades
          WHERE experiment_id = %(experiment)s
         UNION ALL
         SELECT 'shadow', trade_id, engine, status, flags, revision FROM shadow_trades
          WHERE experiment_id = %(experiment)s),
     outcomes AS (
         SELECT 'real' AS kind, trade_id, engine, revision FROM real_outcomes WHERE experiment_id = %(experiment)s
         UNION ALL
         SELECT 'shadow', trade_id, engine, revision FROM shadow_outcomes WHERE experiment_id = %(experiment)s),
     traded AS (
         SELECT CASE WHEN real_trade_id IS NULL THEN 'shadow' ELSE 'real' END AS kind, engine,
                coalesce(real_trade_id, shadow_trade_id) AS trade_id, id, number, fill_ref, revision, time, legs,
                amendment_id IS NULL AND NOT is_succession AS was_told
           FROM trade_fills WHERE experiment_id = %(experiment)s),
     directives AS (SELECT * FROM exit_directives WHERE experiment_id = %(experiment)s),
     still_open AS (
         SELECT coalesce(f.real_trade_id, f.shadow_trade_id) AS trade_id,
                sum(CASE leg.effect WHEN 'OPEN' THEN leg.quantity ELSE -leg.quantity END) AS quantity
           FROM fills_in_force f CROSS JOIN json_to_recordset(f.legs) AS leg (effect text, quantity numeric)
          WHERE f.experiment_id = %(experiment)s GROUP BY 1)
SELECT what FROM (
    SELECT 0 AS place, 'the experiment' AS what
     WHERE NOT EXISTS (SELECT FROM e)
       AND (EXISTS (SELECT FROM trades)
            OR EXISTS (SELECT FROM execution_policy WHERE experiment_id = %(experiment)s)
            OR EXISTS (SELECT FROM signal_distributions WHERE experiment_id = %(experiment)s))
    UNION ALL
    SELECT 1, 'the signal' FROM e
     WHERE NOT EXISTS (SELECT FROM signals s WHERE s.signal_id = e.signal_id)
    UNION ALL
    SELECT 2, 'the market context' FROM e
     WHERE NOT EXISTS (SELECT FROM market_contexts c WHERE c.signal_id = e.signal_id)
    UNION ALL
    SELECT 3, 'policy version ' || e.policy_version FROM e
     WHERE NOT EXISTS (SELECT FROM policy_versions p WHERE p.version = e.policy_version)
    UNION ALL
    SELECT 4, 'the decision' FROM e WHERE NOT EXISTS (SELECT FROM execution_policy p WHERE p.experiment_id = e.experiment_id)
    UNION ALL
    SELECT 5, 'the distribution to engine ' || x.engine FROM e CROSS JOIN (VALUES ('A'), ('B')) AS x (engine)
     WHERE NOT EXISTS (SELECT FROM signal_distributions d
                        WHERE (d.experiment_id, d.engine) = (e.experiment_id, x.engine))
    UNION ALL
    SELECT DISTINCT 6, 'the recommendation of engine ' || told.engine
      FROM (SELECT engine FROM signal_distributions WHERE experiment_id = %(experiment)s AND answered_at IS NOT NULL
            UNION ALL SELECT engine FROM permits WHERE experiment_id = %(experiment)s
            UNION ALL SELECT engine FROM trades) told
     WHERE NOT EXISTS (SELECT FROM recommendations r
                        WHERE (r.experiment_id, r.engine) = (%(experiment)s, told.engine))
    UNION ALL
    SELECT 7, 'the permit of engine ' || r.engine FROM recommendations r
     WHERE r.experiment_id = %(experiment)s AND r.permit_expires_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM permits p WHERE p.experiment_id = r.experiment_id)
    UNION ALL
    SELECT DISTINCT 8, 'the ' || kind || ' trade of engine ' || engine
      FROM (SELECT kind, trade_id, engine FROM outcomes UNION ALL SELECT kind, trade_id, engine FROM traded) told
     WHERE NOT EXISTS (SELECT FROM trades t WHERE t.trade_id = told.trade_id)
    UNION ALL
    SELECT 9, 'the entry of engine ' || t.engine || '''s ' || t.kind || ' trade' FROM trades t
     WHERE t.status <> 'OPENING'
       AND NOT EXISTS (SELECT FROM traded f WHERE f.trade_id = t.trade_id AND f.number = 1)
    UNION ALL
    SELECT 10, 'the outcome of engine ' || t.engine || '''s ' || t.kind || ' trade' FROM trades t
     WHERE t.status IN ('CLOSED', 'UNPRICED') AND NOT t.flags::jsonb @> '["AFTER_REAL_EXIT"]'
       AND NOT EXISTS (SELECT FROM outcomes o WHERE o.trade_id = t.trade_id)
    UNION ALL
    -- Each closing fill that was told issues one, up to the last; they are numbered without a gap.
    SELECT 11, CASE WHEN EXISTS (SELECT FROM directives) THEN 'an' ELSE 'the' END || ' exit directive to the shadow'
      FROM trades t
     WHERE t.kind = 'real'
       AND (t.status = 'CLOSED' AND NOT EXISTS (SELECT FROM directives d WHERE d.is_last)
            OR EXISTS (SELECT FROM directives d WHERE d.number > 1
                          AND NOT EXISTS (SELECT FROM directives b WHERE b.number = d.number - 1))
            OR EXISTS (SELECT FROM traded f CROSS JOIN json_to_recordset(f.legs) AS leg (effect text)
                        WHERE f.trade_id = t.trade_id AND f.was_told AND leg.effect = 'CLOSE'
                          AND NOT EXISTS (SELECT FROM directives d
                                           WHERE d.real_fill_id = f.id OR d.is_last AND d.real_fill_id < f.id)))
    UNION ALL
    SELECT 12, 'a fill of engine ' || t.engine || '''s ' || t.kind || ' trade' FROM trades t
     WHERE EXISTS (SELECT FROM traded f WHERE f.trade_id = t.trade_id AND f.number = 1)
       AND (t.status = 'CLOSED' AND EXISTS (SELECT FROM still_open o WHERE o.trade_id = t.trade_id AND o.quantity <> 0)
            OR EXISTS (SELECT FROM traded f WHERE f.trade_id = t.trade_id AND f.number > 1
                          AND NOT EXISTS (SELECT FROM traded b WHERE (b.trade_id, b.number) = (f.trade_id, f.number - 1)))
            -- Not by its key: of its revisions the first may be missing alone, and all have one time.
            OR EXISTS (SELECT FROM directives d WHERE d.real_trade_id = t.trade_id
                          AND NOT EXISTS (SELECT FROM traded f WHERE (f.trade_id, f.time) = (t.trade_id, d.exit_time)))
            OR EXISTS (SELECT FROM directives d WHERE d.shadow_trade_id = t.trade_id AND d.state = 'DONE'
                          AND NOT EXISTS (SELECT FROM trade_fills f WHERE f.shadow_trade_id = t.trade_id
                                             AND f.fill_ref = 'directive-' || d.number))
            OR EXISTS (SELECT FROM trade_amendments a WHERE coalesce(a.real_trade_id, a.shadow_trade_id) = t.trade_id
                          AND a.state = 'ACCEPTED' AND NOT EXISTS (SELECT FROM trade_fills f WHERE f.amendment_id = a.id)))
    UNION ALL
    SELECT DISTINCT 13, 'an earlier revision of a fill of engine ' || f.engine || '''s ' || f.kind || ' trade'
      FROM traded f
     WHERE f.revision > 1
       AND NOT EXISTS (SELECT FROM traded b
                        WHERE (b.trade_id, b.fill_ref, b.revision) = (f.trade_id, f.fill_ref, f.revision - 1))
    UNION ALL
    SELECT DISTINCT 14, 'a neutral quote that priced engine ' || f.engine || '''s ' || f.kind || ' trade'
      FROM traded f CROSS JOIN json_array_elements(f.legs) AS leg
     WHERE leg #>> '{quote,quote_id}' IS NOT NULL
       AND NOT EXISTS (SELECT FROM quotes q WHERE q.id = (leg #>> '{quote,quote_id}')::bigint)
    UNION ALL
    SELECT 15, 'an amendment of engine ' || t.engine || '''s ' || t.kind || ' trade' FROM trades t
     WHERE t.revision <> 1 + (SELECT count(*) FROM trade_amendments a
                               WHERE coalesce(a.real_trade_id, a.shadow_trade_id) = t.trade_id AND a.state = 'ACCEPTED')
    UNION ALL
    SELECT DISTINCT 16, 'an earlier outcome of engine ' || o.engine || '''s ' || o.kind || ' trade' FROM outcomes o
     WHERE o.revision > 1 AND NOT EXISTS (SELECT FROM outcomes e
                                           WHERE (e.trade_id, e.revision) = (o.trade_id, o.revision - 1))
) missing ORDER BY place, what
