-- The phases of the closed trades that a report is over, with the first and the last day of each: of the cells of whole
-- days, and of the rows that are read beside them.
WITH sliced AS (SELECT * FROM report_slices e WHERE level = %(detail)s AND {conditions}),
found AS (
    SELECT {phase}, first_day, last_day
      FROM sliced
     CROSS JOIN LATERAL (
         SELECT min(day) AS first_day, max(day) AS last_day
           FROM report_cells c
          WHERE c.slice_id = sliced.slice_id AND c.kind IN ('real', 'shadow', 'own_exit') AND c.currency = %(currency)s
            AND {whole_days}) days
     WHERE first_day IS NOT NULL
    UNION ALL
    SELECT {phase}, min(day), max(day)
      FROM (SELECT experiment_id, (exit_time AT TIME ZONE 'America/New_York')::date AS day FROM ({rows}) r) dated
     CROSS JOIN LATERAL (
         -- OFFSET keeps the planner from joining all experiments before it looks at these few.
         SELECT * FROM (
             SELECT {phase} FROM ({experiments}) e WHERE e.experiment_id = dated.experiment_id
             UNION ALL SELECT {phase} FROM archived_experiments e WHERE e.experiment_id = dated.experiment_id
         ) known OFFSET 0) phase
     GROUP BY {phase}
)
SELECT {phase}, min(first_day) AS first_day, max(last_day) AS last_day
  FROM found GROUP BY {phase} ORDER BY first_day, {phase}
