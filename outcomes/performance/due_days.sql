-- Days of the report whose sums are out of date, once nothing has changed them for a minute: one that changes all the
-- time would be out of date again at once. From day to day by the index, because a busy day has a mark for each change.
-- No parameters: the worker joins this with queries of its own.
SELECT * FROM (
    WITH RECURSIVE marked (day) AS (
        SELECT min(day) FROM report_marks
        UNION ALL
        SELECT (SELECT min(day) FROM report_marks WHERE report_marks.day > marked.day) FROM marked
         WHERE marked.day IS NOT NULL
    )
    SELECT day, (SELECT max(due_at) FROM report_marks WHERE report_marks.day = marked.day) AS since
      FROM marked WHERE day IS NOT NULL) reports
 WHERE since <= statement_timestamp()
