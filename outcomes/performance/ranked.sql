-- Where a page in the order of P&L comes from: between which P&L its rows lie, {{start}} among them, and on which whole
-- days there are such rows. `beyond` are the next {{size}} after the start; where there are fewer, all the rest.
WITH cell AS MATERIALIZED (
    SELECT day, ranked, passed, coalesce(array_position(ranked, %(start)s::numeric) - 1, passed) AS less
      FROM (SELECT day, ranked, width_bucket(%(start)s::numeric, ranked) AS passed FROM report_cells
             WHERE {cells} AND ranked IS NOT NULL) found
),
beyond AS (
    SELECT value FROM cell
     CROSS JOIN LATERAL unnest(CASE WHEN {down} THEN ranked[greatest(1, less - {size} + 1):less]
                                    ELSE ranked[passed + 1:passed + {size}] END) value
     ORDER BY value {way} LIMIT {size}
),
bounds AS (
    SELECT CASE WHEN {down} THEN coalesce(edge, '-Infinity') ELSE %(start)s::numeric END AS low,
           CASE WHEN {down} THEN %(start)s::numeric ELSE coalesce(edge, 'Infinity') END AS high
      FROM (SELECT CASE WHEN count(*) < {size} THEN NULL WHEN {down} THEN min(value) ELSE max(value) END AS edge
              FROM beyond) found
)
SELECT low, high, ARRAY(SELECT DISTINCT day FROM cell
                         WHERE ranked[width_bucket(high, ranked)] >= low ORDER BY day) AS days
  FROM bounds
