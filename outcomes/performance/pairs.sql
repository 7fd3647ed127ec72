-- Sums over pairs, one row per label, on numeric. {{pairs}} is a relation with the columns label, real_engine, d,
-- unpriced and violating: d is the compared P&L of A minus that of B, NULL where there is none; real_engine is NULL
-- where both trades were shadows.
WITH pairs AS MATERIALIZED ({pairs}),
headline AS (SELECT label, real_engine, d FROM pairs WHERE d IS NOT NULL AND NOT violating),
counts AS (
    SELECT label, count(*) FILTER (WHERE unpriced) AS unpriced,
           count(*) FILTER (WHERE NOT unpriced AND violating) AS violations,
           count(*) FILTER (WHERE NOT unpriced AND NOT violating AND d IS NULL) AS incomparable
      FROM pairs GROUP BY label
),
sums AS (
    SELECT label, count(*) AS n, sum(d) / count(*) AS mean, stddev_samp(d) AS sd,
           count(*) FILTER (WHERE d > 0) AS a_better,
           count(*) FILTER (WHERE d < 0) AS b_better,
           count(*) FILTER (WHERE d = 0) AS tied,
           count(*) FILTER (WHERE real_engine = 'A') AS a_real_n,
           avg(d) FILTER (WHERE real_engine = 'A') AS a_real_mean,
           stddev_samp(d) FILTER (WHERE real_engine = 'A') AS a_real_sd,
           count(*) FILTER (WHERE real_engine = 'B') AS b_real_n,
           avg(d) FILTER (WHERE real_engine = 'B') AS b_real_mean,
           stddev_samp(d) FILTER (WHERE real_engine = 'B') AS b_real_sd
      FROM headline GROUP BY label
),
-- Equal magnitudes share the mean of their ranks; doubled, it is whole.
magnitudes AS (
    SELECT label, count(*) AS ties, count(*) FILTER (WHERE d > 0) AS positive,
           2 * sum(count(*)) OVER (PARTITION BY label ORDER BY abs(d)) - count(*) + 1 AS doubled_rank,
           sum(count(*)) OVER (PARTITION BY label) AS ranked
      FROM headline WHERE d <> 0 GROUP BY label, abs(d)
),
ranks AS (
    SELECT label, sum(ties)::bigint AS ranked, sum(doubled_rank * positive) AS doubled_positive,
           sum(ties::numeric * ties * ties - ties) AS tie_term,
           array_agg(doubled_rank::integer) FILTER (WHERE ranked <= %(exact_ranks)s) AS rank_values,
           array_agg(ties::integer) FILTER (WHERE ranked <= %(exact_ranks)s) AS rank_ties
      FROM magnitudes GROUP BY label
)
SELECT * FROM counts LEFT JOIN sums USING (label) LEFT JOIN ranks USING (label) ORDER BY label
