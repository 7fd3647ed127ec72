-- The months of the report that are over and have no sums, the latest first: from month to month by the index, because
-- there are many days. One in which a day is about to be made anew waits for that.
WITH RECURSIVE months (day) AS (
    SELECT date_trunc('month', min(day))::date FROM report_cells WHERE slice_id IS NULL
    UNION ALL
    SELECT (SELECT date_trunc('month', min(c.day))::date FROM report_cells c
             WHERE c.slice_id IS NULL AND c.day >= months.day + interval '1 month')
      FROM months WHERE day IS NOT NULL
)
SELECT day FROM months
 WHERE day + interval '1 month' <= (statement_timestamp() AT TIME ZONE 'America/New_York')::date
   AND NOT EXISTS (SELECT FROM report_months m WHERE m.slice_id IS NULL AND m.day = months.day)
   AND NOT EXISTS (SELECT FROM report_marks m WHERE m.day >= months.day AND m.day < months.day + interval '1 month')
 ORDER BY day DESC
