-- The largest fall of the cumulative P&L of each kind and engine. {{curves}} is the course of each day (see curves.sql).
WITH begun AS (
    -- The days one after another: what had been earned before each.
    SELECT kind, engine, day, peak, trough, fall, coalesce(sum(total) OVER earlier, 0) AS before
      FROM ({curves}) curves
    WINDOW earlier AS (PARTITION BY kind, engine ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
fallen AS (
    -- And the highest that it had been by then. The peak starts at 0: a first trade that loses is a drawdown.
    SELECT kind, engine, fall, before + trough AS lowest, greatest(0, max(before + peak) OVER earlier) AS highest
      FROM begun
    WINDOW earlier AS (PARTITION BY kind, engine ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT kind, engine, max(greatest(fall, highest - lowest)) AS max_drawdown FROM fallen GROUP BY kind, engine
