-- The largest fall of the cumulative P&L of each kind and engine, with its highest and lowest. {{curves}} is the course of
-- each day (see curves.sql), or of months, which run one after another as days do; {{by}} is what else they are told
-- apart by.
WITH begun AS (
    -- The days one after another: what had been earned before each.
    SELECT {by}kind, engine, day, peak, trough, fall, coalesce(sum(total) OVER earlier, 0) AS before
      FROM ({curves}) curves
    WINDOW earlier AS (PARTITION BY {by}kind, engine ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
fallen AS (
    -- And the highest that it had been by then. The peak starts at 0: a first trade that loses is a drawdown.
    SELECT {by}kind, engine, fall, before + peak AS peak, before + trough AS lowest,
           greatest(0, max(before + peak) OVER earlier) AS highest
      FROM begun
    WINDOW earlier AS (PARTITION BY {by}kind, engine ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT {by}kind, engine, max(greatest(fall, highest - lowest)) AS max_drawdown, greatest(0, max(peak)) AS peak,
       min(lowest) AS trough
  FROM fallen GROUP BY {by}kind, engine
