-- The cells of days, whose ranges of time go from midnight to midnight. One for every slice, kind, engine and currency,
-- and one for all slices together, which also knows the course of the day, and trade by trade what it was made of.
WITH closed AS MATERIALIZED ({results}),
sliced AS MATERIALIZED (
    SELECT experiment_id, {slice_id} AS slice_id, {dimensions}
      FROM ({experiments}) experiments WHERE experiment_id IN (SELECT experiment_id FROM closed)
),
slices AS (
    INSERT INTO report_slices (slice_id, {dimensions})
    SELECT DISTINCT slice_id, {dimensions} FROM sliced ON CONFLICT DO NOTHING
),
cells AS (
    SELECT slice_id, day, kind, engine, currency, array_agg(p ORDER BY p) FILTER (WHERE p IS NOT NULL) AS ranked,
           {measures}
      FROM ({counted}) counted JOIN sliced USING (experiment_id)
     GROUP BY GROUPING SETS ((slice_id, day, kind, engine, currency), (day, kind, engine, currency))
),
trades AS (
    SELECT kind, engine, currency, day, array_agg(slice_id ORDER BY exit_time, id) AS slices,
           array_agg(p ORDER BY exit_time, id) AS pnls
      FROM ({counted}) counted JOIN sliced USING (experiment_id)
     WHERE p IS NOT NULL AND kind IN ('real', 'shadow', 'own_exit')
     GROUP BY kind, engine, currency, day
),
courses AS (
    SELECT NULL::uuid AS slice_id, * FROM ({curves}) curves JOIN trades USING (kind, engine, currency, day)
)
INSERT INTO report_cells (slice_id, day, kind, engine, currency, {names}, ranked, last_exit, peak, trough, fall,
                          slices, pnls)
SELECT cells.slice_id, cells.day, cells.kind, cells.engine, cells.currency, {filled}, ranked, last_exit, peak, trough,
       fall, slices, pnls
  FROM cells
  LEFT JOIN courses
    ON cells.slice_id IS NULL AND courses.kind = cells.kind AND courses.engine = cells.engine
   AND courses.currency = cells.currency AND courses.day = cells.day
