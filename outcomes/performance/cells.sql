-- The cells of days, whose ranges of time go from midnight to midnight. One for every slice, kind, engine
-- and currency, and one for all slices together, which also knows the course of the day.
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
    SELECT slice_id, day, kind, engine, currency, {measures}
      FROM ({counted}) counted JOIN sliced USING (experiment_id)
     GROUP BY GROUPING SETS ((slice_id, day, kind, engine, currency), (day, kind, engine, currency))
)
INSERT INTO report_cells (slice_id, day, kind, engine, currency, {names}, last_exit, peak, trough, fall)
SELECT slice_id, day, kind, engine, currency, {filled}, last_exit, peak, trough, fall
  FROM cells
  LEFT JOIN ({curves}) courses (kind, engine, currency, day, last_exit, ended_at, peak, trough, fall)
      USING (kind, engine, currency, day)
