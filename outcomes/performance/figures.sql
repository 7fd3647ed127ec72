-- The figures of closed trades (R5.4), one row per kind and engine, on numeric from end to end.
--
-- {{trades}} is a relation with the columns kind, engine, exit_time, id, pnl, risk_amount, price_provenance,
-- violating and left_out; pnl is NULL where nobody priced the exit. {{figures}} are the columns of the table in figures.py; they may use
-- every column of the joins at the end, {{aggregates}} the columns of the trades. Nothing here is a float:
-- nullif(stddev_samp(pnl), 0) is a sound guard on numeric only.
WITH trades AS MATERIALIZED (SELECT *, pnl * pnl AS square FROM ({trades}) given),
headline AS (
    SELECT kind, engine, exit_time, id, pnl, risk_amount, square, price_provenance
      FROM trades WHERE pnl IS NOT NULL AND NOT left_out
),
counts AS MATERIALIZED (
    SELECT kind, engine,
           count(*) FILTER (WHERE pnl IS NULL) AS unpriced,
           count(*) FILTER (WHERE pnl IS NOT NULL AND violating) AS violations
      FROM trades GROUP BY kind, engine
),
provenance AS MATERIALIZED (
    SELECT kind, engine, json_object_agg(price_provenance, number ORDER BY price_provenance) AS price_provenance
      FROM (SELECT kind, engine, price_provenance, count(*) AS number FROM headline GROUP BY 1, 2, 3) counted
     GROUP BY kind, engine
),
sums AS MATERIALIZED (
    SELECT kind, engine, count(*)::numeric AS n,
           count(*) FILTER (WHERE pnl > 0) AS wins,
           count(*) FILTER (WHERE pnl < 0) AS losses,
           sum(pnl) AS total,
           coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS gross_profit,
           coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0) AS gross_loss,
           coalesce(sum(square) FILTER (WHERE pnl < 0), 0) AS squared_losses,
           nullif(stddev_samp(pnl), 0) AS sd,
           sum(square) AS total_2, sum(square * pnl) AS total_3, sum(square * square) AS total_4
           {aggregates}
      FROM headline GROUP BY kind, engine
),
-- Central moments times n^2, n^3 and n^4. Products only: `^` rounds, so it would cancel digits away.
moments AS (
    SELECT kind, engine,
           n * total_2 - total * total AS moment_2,
           n * n * total_3 - 3 * n * total * total_2 + 2 * total * total * total AS moment_3,
           n * n * n * total_4 - 4 * n * n * total * total_3 + 6 * n * total * total * total_2
               - 3 * total * total * total * total AS moment_4
      FROM sums
),
shape AS (
    SELECT kind, engine, total / (n * sd) AS sharpe,
           moment_3 / nullif(moment_2 * sqrt(moment_2), 0) AS skew,
           moment_4 / nullif(moment_2 * moment_2, 0) AS kurtosis
      FROM sums JOIN moments USING (kind, engine)
),
uncertainty AS MATERIALIZED (
    SELECT kind, engine, sharpe, skew, kurtosis,
           1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe AS variance_term
      FROM shape
),
curve AS (
    SELECT kind, engine, exit_time, id, sum(pnl) OVER so_far AS equity FROM headline
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
),
falls AS (
    -- The peak starts at 0: a first trade that loses is a drawdown.
    SELECT kind, engine, greatest(0, max(equity) OVER so_far) - equity AS fall FROM curve
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
),
drawdown AS MATERIALIZED (SELECT kind, engine, max(fall) AS max_drawdown FROM falls GROUP BY kind, engine),
days AS (
    SELECT kind, engine, sum(pnl) AS pnl FROM headline
     GROUP BY kind, engine, (exit_time AT TIME ZONE 'America/New_York')::date
),
daily AS MATERIALIZED (
    SELECT kind, engine, count(*) AS active_days, sum(pnl) AS total, nullif(stddev_samp(pnl), 0) AS sd
      FROM days GROUP BY kind, engine
)
-- What no figure shows: the moments (known answers exist for them), and the z value behind the PSR.
SELECT kind, engine, skew, kurtosis, variance_term,
       CASE WHEN variance_term > 0 THEN sharpe * sqrt(n - 1.00000000000000000000) / sqrt(variance_term) END AS psr_z,
       {figures}
  FROM counts
  LEFT JOIN sums USING (kind, engine)
  LEFT JOIN uncertainty USING (kind, engine)
  LEFT JOIN drawdown USING (kind, engine)
  LEFT JOIN daily USING (kind, engine)
  LEFT JOIN provenance USING (kind, engine)
 ORDER BY kind, engine
