-- The cells of days, whose ranges of time go from midnight to midnight: one for every slice, kind, engine and currency, and
-- one for all slices together. Those that a report reads alone know the course of the day. Those of all and of a filter
-- with many values ({{many}}) also keep trade by trade what they were made of; whose each P&L is, only those of all, because
-- the day and the P&L find it there.
WITH closed AS MATERIALIZED ({results}),
sliced AS MATERIALIZED (
    SELECT experiment_id, {dimensions}
      FROM ({experiments}) experiments WHERE experiment_id IN (SELECT experiment_id FROM closed)
    UNION ALL
    SELECT experiment_id, {dimensions}
      FROM archived_experiments WHERE experiment_id IN (SELECT experiment_id FROM closed)
),
members AS MATERIALIZED (
    SELECT experiment_id, slice_id, level FROM ({memberships}) m JOIN (SELECT slice_id, hash FROM report_slices) s USING (hash)
    UNION ALL SELECT experiment_id, NULL, NULL FROM sliced
),
cells AS (
    SELECT slice_id, day, kind, engine, currency,
           CASE WHEN level IS NULL OR level IN ('broad', 'full') OR level = ANY({many})
                THEN array_agg(p ORDER BY p) FILTER (WHERE p IS NOT NULL) END AS ranked,
           array_agg(experiment_id ORDER BY p NULLS LAST) FILTER (WHERE level IS NULL) AS ranked_experiments,
           {measures}
      FROM ({counted}) counted JOIN members USING (experiment_id)
     GROUP BY slice_id, level, day, kind, engine, currency
),
trades AS (
    SELECT keeper.slice_id, kind, engine, currency, day, array_agg(whole.slice_id ORDER BY exit_time, id) AS slices,
           array_agg(p ORDER BY exit_time, id) AS pnls
      FROM ({counted}) counted
      JOIN members whole USING (experiment_id)
      JOIN members keeper USING (experiment_id)
     WHERE whole.level = 'full' AND (keeper.level IS NULL OR keeper.level = ANY({many}))
       AND p IS NOT NULL AND kind IN ('real', 'shadow', 'own_exit')
     GROUP BY keeper.slice_id, kind, engine, currency, day
)
INSERT INTO report_cells (slice_id, day, kind, engine, currency, {names}, ranked, ranked_experiments,
                          last_exit, peak, trough, fall, slices, pnls)
SELECT cells.slice_id, cells.day, cells.kind, cells.engine, cells.currency, {filled}, ranked, ranked_experiments,
       last_exit, peak, trough, fall, slices, pnls
  FROM cells
  LEFT JOIN ({curves}) courses
    ON courses.slice_id IS NOT DISTINCT FROM cells.slice_id AND courses.kind = cells.kind
   AND courses.engine = cells.engine AND courses.currency = cells.currency AND courses.day = cells.day
  LEFT JOIN trades
    ON trades.slice_id IS NOT DISTINCT FROM cells.slice_id AND trades.kind = cells.kind AND trades.engine = cells.engine
   AND trades.currency = cells.currency AND trades.day = cells.day
  LEFT JOIN report_slices s ON s.slice_id = cells.slice_id
 -- What a report asks for together lies together, so that it reads few pages of each day.
 ORDER BY s.level NULLS FIRST, s.symbol, s.direction, s.timeframe, s.slice_id
