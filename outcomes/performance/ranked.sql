-- Where a page in the order of P&L comes from, equal ones in the order of their exits: between which P&L its rows lie,
-- and on which whole days. `next` are the next {{size}} after the start; the day of the start itself may have more.
-- `ranked[:]` is a copy that is there at once, and OFFSET 0 keeps it apart: the stored value would be fetched and
-- unpacked anew wherever it is named.
WITH cell AS MATERIALIZED (
    SELECT day, less, passed, CASE WHEN {down} THEN ranked[greatest(1, less - {size} + 1):less]
                                   ELSE ranked[passed + 1:passed + {size}] END AS beyond
      FROM (SELECT day, ranked[:] AS ranked FROM report_cells WHERE {cells} AND ranked IS NOT NULL OFFSET 0) kept
     CROSS JOIN LATERAL (SELECT width_bucket(%(start)s::numeric, ranked) AS passed OFFSET 0) counted
     CROSS JOIN LATERAL (
           SELECT CASE WHEN passed > 0 AND ranked[passed] = %(start)s::numeric
                       THEN array_position(ranked, %(start)s::numeric) - 1 ELSE passed END AS less OFFSET 0) under
),
next AS (
    SELECT value, day FROM (
        SELECT value, day FROM cell CROSS JOIN LATERAL unnest(beyond) value
        UNION ALL
        SELECT %(start)s::numeric, day FROM cell CROSS JOIN LATERAL generate_series(less + 1, passed)
         WHERE CASE WHEN {down} THEN day < %(begun)s::date ELSE day > %(begun)s::date END
    ) found
     ORDER BY value {way}, day {way} LIMIT {size}
),
edge AS (
    SELECT CASE WHEN count(*) < {size} THEN NULL WHEN {down} THEN min(value) ELSE max(value) END AS value FROM next
)
SELECT CASE WHEN {down} THEN coalesce(value, '-Infinity') ELSE %(start)s::numeric END AS low,
       CASE WHEN {down} THEN %(start)s::numeric ELSE coalesce(value, 'Infinity') END AS high,
       ARRAY(SELECT day FROM next UNION SELECT day FROM cell WHERE day = %(begun)s::date ORDER BY day) AS days
  FROM edge
