-- What the cumulative P&L of some full slices does within each whole day, as in curves.sql: of the trades that the cell of
-- the day keeps in their order. {{cells}} are those of all slices together or of one, {{slices}} is an array of full ones.
SELECT kind, engine, currency, day, last_exit, course.total, course.peak, course.trough, course.fall
  FROM ({cells}) cells
 CROSS JOIN LATERAL (
       SELECT sum(pnl) AS total, greatest(0, max(level)) AS peak, min(level) AS trough, max(fall) AS fall
         FROM (SELECT pnl, level, greatest(0, max(level) OVER so_far) - level AS fall
                 FROM (SELECT place, pnl, sum(pnl) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING) AS level
                         FROM unnest(slices, pnls) WITH ORDINALITY AS trades (slice_of, pnl, place)
                        WHERE slice_of = ANY({slices})) levels
               WINDOW so_far AS (ORDER BY place ROWS UNBOUNDED PRECEDING)) falls) course
 WHERE course.total IS NOT NULL
