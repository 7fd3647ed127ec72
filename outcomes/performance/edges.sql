-- Beyond which P&L the {{size}} best and the {{size}} worst lie of each engine's trades and of all pairs (`whose` is '' then),
-- and on which whole days: those with the best and the worst of them. Fewer days are no edge.
WITH days AS (
    SELECT whose, day, max(ranked[cardinality(ranked)]) AS best, min(ranked[1]) AS worst
      FROM (SELECT CASE kind WHEN 'paired' THEN '' ELSE engine END AS whose, day, ranked FROM ({cells}) cells) kept
     GROUP BY whose, day
),
placed AS (
    SELECT whose, day, best, worst, row_number() OVER (PARTITION BY whose ORDER BY best DESC, day) AS nth_best,
           row_number() OVER (PARTITION BY whose ORDER BY worst, day) AS nth_worst
      FROM days
)
SELECT whose, array_agg(day) AS days,
       CASE WHEN count(*) FILTER (WHERE nth_best <= {size}) = {size}
            THEN min(best) FILTER (WHERE nth_best <= {size}) ELSE '-Infinity' END AS high,
       CASE WHEN count(*) FILTER (WHERE nth_worst <= {size}) = {size}
            THEN max(worst) FILTER (WHERE nth_worst <= {size}) ELSE 'Infinity' END AS low
  FROM placed WHERE {size} >= least(nth_best, nth_worst) GROUP BY whose
