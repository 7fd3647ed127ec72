-- How long an engine's answers took from the distribution of a signal, over the last days: half of them, and 95 of a hundred,
-- within how many seconds; by day in New York, or by hour where they are of two days at most. No answer is older than its
-- signal, so that both tables are read by their ranges of time.
WITH answers AS MATERIALIZED (
    SELECT d.distributed_at AT TIME ZONE 'America/New_York' AS at,
           extract(epoch FROM r.recommended_at - d.distributed_at)::float8 AS seconds
      FROM signal_distributions d JOIN recommendations r USING (experiment_id, engine)
     WHERE engine = %(engine)s AND d.distributed_at >= now() - make_interval(days => %(days)s)
       AND r.recommended_at >= now() - make_interval(days => %(days)s)
), step AS (
    SELECT CASE WHEN max(at)::date - min(at)::date <= 1 THEN 'hour' ELSE 'day' END AS name FROM answers
), steps AS (
    SELECT name, date_trunc(name, at) AS start, count(*) AS n,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS within
      FROM answers CROSS JOIN step GROUP BY 1, 2
)
SELECT to_char(start, CASE name WHEN 'hour' THEN 'YYYY-MM-DD HH24:MI' ELSE 'YYYY-MM-DD' END) AS start,
       n, within[1] AS half, within[2] AS most
  FROM steps ORDER BY 1
