-- What the cumulative P&L of each kind and engine does within each day, from 0 at its beginning: its total at the end,
-- its highest and lowest, and the largest fall from a peak. {{results}} are closed trades in the shape of results.sql, and
-- {{by}} what else they are told apart by.
WITH counted AS (
    SELECT {by}kind, engine, currency, exit_time, id, pnl, (exit_time AT TIME ZONE 'America/New_York')::date AS day
      FROM ({results}) results WHERE pnl IS NOT NULL AND NOT left_out
),
levels AS (
    SELECT {by}kind, engine, currency, day, exit_time, id, pnl, sum(pnl) OVER so_far AS level FROM counted
    WINDOW so_far AS (PARTITION BY {by}kind, engine, currency, day ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
),
falls AS (
    SELECT {by}kind, engine, currency, day, exit_time, pnl, level, greatest(0, max(level) OVER so_far) - level AS fall
      FROM levels
    WINDOW so_far AS (PARTITION BY {by}kind, engine, currency, day ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
)
SELECT {by}kind, engine, currency, day, max(exit_time) AS last_exit, sum(pnl) AS total, greatest(0, max(level)) AS peak,
       min(level) AS trough, max(fall) AS fall
  FROM falls GROUP BY {by}kind, engine, currency, day
