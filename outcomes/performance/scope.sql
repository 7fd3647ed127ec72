-- What a report is of: this moment; one currency, the only one in which anything was earned, else that of the policy in
-- force; and the ranges of time that are read from the rows, because the cells of their day are out of date, or because
-- the period begins or ends within it.
WITH marked AS (SELECT DISTINCT day FROM report_marks),
cut AS (
    SELECT day FROM marked
    UNION SELECT (%(since)s::timestamptz AT TIME ZONE 'America/New_York')::date
     WHERE (%(since)s::timestamptz AT TIME ZONE 'America/New_York')::time <> '00:00'
    UNION SELECT (%(until)s::timestamptz AT TIME ZONE 'America/New_York')::date
     WHERE (%(until)s::timestamptz AT TIME ZONE 'America/New_York')::time <> '00:00'
),
loose AS (
    SELECT day, greatest(day::timestamp AT TIME ZONE 'America/New_York', %(since)s::timestamptz) AS starts,
           least((day + 1)::timestamp AT TIME ZONE 'America/New_York', %(until)s::timestamptz) AS ends
      FROM cut
),
found AS (
    SELECT currency FROM report_cells WHERE slice_id IS NULL AND day NOT IN (SELECT day FROM marked)
    UNION SELECT o.currency FROM marked JOIN latest_real_outcomes o
       ON o.exit_time >= day::timestamp AT TIME ZONE 'America/New_York'
      AND o.exit_time < (day + 1)::timestamp AT TIME ZONE 'America/New_York'
    UNION SELECT o.currency FROM marked JOIN latest_shadow_outcomes o
       ON o.exit_time >= day::timestamp AT TIME ZONE 'America/New_York'
      AND o.exit_time < (day + 1)::timestamp AT TIME ZONE 'America/New_York'
    UNION SELECT o.currency FROM marked JOIN archived_results o
       ON o.exit_time >= day::timestamp AT TIME ZONE 'America/New_York'
      AND o.exit_time < (day + 1)::timestamp AT TIME ZONE 'America/New_York'
    WHERE o.kind IN ('real', 'shadow')
)
SELECT now() AS now, ARRAY(SELECT currency FROM found ORDER BY currency) AS currencies,
       CASE WHEN (SELECT count(*) FROM found) = 1 THEN (SELECT currency FROM found)
            ELSE (SELECT currency FROM policy_versions ORDER BY version DESC LIMIT 1) END AS currency,
       coalesce(array_agg(day), '{}') AS days, coalesce(array_agg(starts), '{}') AS starts,
       coalesce(array_agg(ends), '{}') AS ends,
       ARRAY(SELECT DISTINCT day FROM report_months
              WHERE slice_id IS NULL
                AND (%(since)s::timestamptz IS NULL OR day >= (%(since)s::timestamptz AT TIME ZONE 'America/New_York')::date)
                AND (%(until)s::timestamptz IS NULL OR day + interval '1 month'
                     <= (%(until)s::timestamptz AT TIME ZONE 'America/New_York')::date)
                AND day NOT IN (SELECT date_trunc('month', day)::date FROM loose)
              ORDER BY day) AS months
  FROM loose WHERE starts < ends
