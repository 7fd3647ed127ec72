-- The figures of closed trades (R5.4), one row per kind and engine, on numeric from end to end.
--
-- {{measured}} is a relation of days with the columns kind, engine, day, those of measures.py and two more, which a day
-- leaves blank: whole months in it say how many active days they have, and the squares of what each brought. {{sums}}
-- adds up the measures. {{figures}} are the columns of the table in figures.py, which may use every column of the joins at the
-- end, {{others}} those sums that are no figure. Nothing here is a float: nullif(..., 0) is a sound guard on numeric only.
WITH measured AS MATERIALIZED ({measured}),
sums AS (SELECT kind, engine, {sums} FROM measured GROUP BY kind, engine),
totals AS MATERIALIZED (
    SELECT *, nullif(n, 0)::numeric AS trades, gross_profit - total AS gross_loss FROM sums
),
-- Central moments times n^2, n^3 and n^4. Products only: `^` rounds, so it would cancel digits away.
moments AS (
    SELECT kind, engine,
           trades * total_2 - total * total AS moment_2,
           trades * trades * total_3 - 3 * trades * total * total_2 + 2 * total * total * total AS moment_3,
           trades * trades * trades * total_4 - 4 * trades * trades * total * total_3
               + 6 * trades * total * total * total_2 - 3 * total * total * total * total AS moment_4
      FROM totals
),
shape AS (
    -- A root has at least as many decimals as its argument: those of 1.00000000000000000000 make it precise.
    SELECT kind, engine,
           total * sqrt(trades * (trades - 1.00000000000000000000)) / nullif(trades * sqrt(moment_2), 0) AS sharpe,
           moment_3 / nullif(moment_2 * sqrt(moment_2), 0) AS skew,
           moment_4 / nullif(moment_2 * moment_2, 0) AS kurtosis
      FROM totals JOIN moments USING (kind, engine)
),
uncertainty AS MATERIALIZED (
    SELECT kind, engine, sharpe, skew, kurtosis,
           1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe AS variance_term
      FROM shape
),
days AS (
    SELECT kind, engine, coalesce(sum(total), 0) AS pnl, sum(active_days) AS active_days, sum(squared_days) AS squared
      FROM measured GROUP BY kind, engine, day HAVING sum(n) > 0
),
daily AS MATERIALIZED (
    -- The sample standard deviation, from sums that months have, too.
    SELECT *, nullif(sqrt((active_days * squared - pnl * pnl)
                          / nullif(active_days * (active_days - 1.00000000000000000000), 0)), 0) AS sd
      FROM (SELECT kind, engine, sum(coalesce(active_days, 1))::bigint AS active_days, sum(pnl) AS pnl,
                   sum(coalesce(squared, pnl * pnl)) AS squared
              FROM days GROUP BY kind, engine) added
)
-- What no figure shows: the moments (known answers exist for them), and the z value behind the PSR.
SELECT kind, engine, skew, kurtosis, variance_term, {others},
       CASE WHEN variance_term > 0 THEN sharpe * sqrt(trades - 1.00000000000000000000) / sqrt(variance_term) END AS psr_z,
       {figures}
  FROM totals
  LEFT JOIN uncertainty USING (kind, engine)
  LEFT JOIN daily USING (kind, engine)
 ORDER BY kind, engine
