-- How long an engine's answers took from the distribution of a signal, over the last days: half of them, and 95 of a hundred,
-- within how many seconds; by day in New York, or by hour where they are of two days at most.
WITH answers AS MATERIALIZED (
    SELECT e.created_at AT TIME ZONE 'America/New_York' AS at,
           extract(epoch FROM r.recommended_at - d.distributed_at)::float8 AS seconds
      FROM experiments e
      JOIN signal_distributions d ON d.experiment_id = e.experiment_id AND d.engine = %(engine)s
      JOIN recommendations r ON r.experiment_id = e.experiment_id AND r.engine = %(engine)s
     WHERE e.created_at >= now() - make_interval(days => %(days)s)
),
step AS (SELECT CASE WHEN max(at)::date - min(at)::date <= 1 THEN 'hour' ELSE 'day' END AS name FROM answers)
SELECT to_char(date_trunc(name, at), CASE name WHEN 'hour' THEN 'YYYY-MM-DD HH24:MI' ELSE 'YYYY-MM-DD' END) AS start,
       count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS half,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS most
  FROM answers CROSS JOIN step GROUP BY start ORDER BY start
