-- Adds to each row the decisions since it was last counted. A worker that is silent within a transaction loses its session
-- after 20 s (HANG_LIMIT), so that after 30 nothing older can come.
WITH span AS (
    SELECT coalesce(max(counted_until), now() - interval '90 seconds') AS since, now() - interval '30 seconds' AS until
      FROM decision_times
), bounds AS (
    SELECT up_to, lag(up_to, 1, '-infinity') OVER (ORDER BY up_to) AS above
      FROM unnest('{0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,30,infinity}'::float8[]) AS up_to
), took AS (
    SELECT extract(epoch FROM e.created_at - s.received_at)::float8 AS seconds
      FROM span, experiments e JOIN signals s USING (signal_id)
     WHERE e.created_at > span.since AND e.created_at <= span.until
)
INSERT INTO decision_times (up_to_seconds, decisions, seconds, counted_until)
SELECT up_to, count(took.seconds), coalesce(sum(took.seconds), 0), greatest(span.since, span.until)
  FROM span CROSS JOIN bounds LEFT JOIN took ON took.seconds > above AND took.seconds <= up_to
 GROUP BY up_to, span.since, span.until
ON CONFLICT (up_to_seconds) DO UPDATE SET decisions = decision_times.decisions + EXCLUDED.decisions,
   seconds = decision_times.seconds + EXCLUDED.seconds, counted_until = EXCLUDED.counted_until
