-- Beyond which P&L the {{size}} best and the {{size}} worst trades and pairs of a kind and engine lie, and on which whole days:
-- those with the best and the worst of them. Fewer days are no edge.
WITH placed AS (
    SELECT kind, engine, day, best, worst, row_number() OVER (PARTITION BY kind, engine ORDER BY best DESC, day) AS nth_best,
           row_number() OVER (PARTITION BY kind, engine ORDER BY worst, day) AS nth_worst
      FROM (SELECT kind, engine, day, max(ranked[cardinality(ranked)]) AS best, min(ranked[1]) AS worst
              FROM ({cells}) cells GROUP BY kind, engine, day) days
)
SELECT kind, engine, array_agg(day) AS days,
       CASE WHEN count(*) FILTER (WHERE nth_best <= {size}) = {size}
            THEN min(best) FILTER (WHERE nth_best <= {size}) ELSE '-Infinity' END AS high,
       CASE WHEN count(*) FILTER (WHERE nth_worst <= {size}) = {size}
            THEN max(worst) FILTER (WHERE nth_worst <= {size}) ELSE 'Infinity' END AS low
  FROM placed WHERE {size} >= least(nth_best, nth_worst) GROUP BY kind, engine
