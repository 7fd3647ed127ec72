-- Cumulative P&L of each kind and engine, at most %(points)s rows each: of every stretch of the curve its last,
-- lowest and highest point, so that no drawdown is lost by thinning out.
WITH trades AS ({trades}),
curve AS (
    SELECT kind, engine, exit_time, row_number() OVER so_far AS position, sum(pnl) OVER so_far AS equity,
           count(*) OVER (PARTITION BY kind, engine) AS n
      FROM trades WHERE pnl IS NOT NULL AND NOT left_out
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
),
stretches AS (
    SELECT kind, engine, exit_time, position, equity,
           CASE WHEN n <= %(points)s THEN position ELSE position * (%(points)s / 3) / (n + 1) END AS stretch
      FROM curve
),
ranked AS (
    SELECT kind, engine, exit_time, position, equity,
           row_number() OVER (PARTITION BY kind, engine, stretch ORDER BY position DESC) AS from_last,
           row_number() OVER (PARTITION BY kind, engine, stretch ORDER BY equity, position) AS from_lowest,
           row_number() OVER (PARTITION BY kind, engine, stretch ORDER BY equity DESC, position) AS from_highest
      FROM stretches
)
SELECT kind, engine, exit_time, equity FROM ranked WHERE 1 IN (from_last, from_lowest, from_highest)
 ORDER BY kind, engine, position
