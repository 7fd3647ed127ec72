-- Where the rows of a page in the order of P&L lie, equal ones in the order of their exits: the next {{size}} after the
-- start, and those as good as the start on its own day, which may come after it too.
-- `ranked[:]` is a copy that is there at once, and OFFSET 0 keeps it apart: the stored value would be fetched and
-- unpacked anew wherever it is named.
WITH cell AS MATERIALIZED (
    SELECT kind, engine, day, less, passed, CASE WHEN {down} THEN ranked[greatest(1, less - {size} + 1):less]
                                                 ELSE ranked[passed + 1:passed + {size}] END AS beyond
      FROM (SELECT kind, engine, day, ranked[:] AS ranked
              FROM report_cells WHERE {cells} AND ranked IS NOT NULL OFFSET 0) kept
     CROSS JOIN LATERAL (SELECT width_bucket(%(start)s::numeric, ranked) AS passed OFFSET 0) counted
     CROSS JOIN LATERAL (
           SELECT CASE WHEN passed > 0 AND ranked[passed] = %(start)s::numeric
                       THEN array_position(ranked, %(start)s::numeric) - 1 ELSE passed END AS less OFFSET 0) under
),
next AS (
    SELECT kind, engine, day, value FROM (
        SELECT kind, engine, day, value FROM cell CROSS JOIN LATERAL unnest(beyond) value
        UNION ALL
        SELECT kind, engine, day, %(start)s::numeric FROM cell CROSS JOIN LATERAL generate_series(less + 1, passed)
         WHERE CASE WHEN {down} THEN day < %(begun)s::date ELSE day > %(begun)s::date END
    ) found
     ORDER BY value {way}, day {way} LIMIT {size}
)
SELECT kind, engine, day, value FROM next
UNION SELECT kind, engine, day, %(start)s::numeric FROM cell WHERE day = %(begun)s::date AND less < passed
