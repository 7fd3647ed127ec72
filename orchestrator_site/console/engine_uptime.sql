-- Of each engine: when it was first seen, and of the last days, or since then, the seconds that have passed and those in
-- which its heartbeats lasted and no operator had it disabled. A stretch ends at most a day after its last heartbeat,
-- which is the longest time to live, so that the index on last_heartbeat_at bounds what is read.
WITH seen AS (
    SELECT n.name AS engine, a.first_heartbeat_at AS first_seen, greatest(a.first_heartbeat_at, now() - make_interval(days => %(days)s)) AS begin
      FROM engines n
     CROSS JOIN LATERAL (SELECT first_heartbeat_at FROM engine_availability s WHERE s.engine = n.name
                          ORDER BY last_heartbeat_at, id LIMIT 1) a
), up AS (
    SELECT s.engine, range_agg(tstzrange(greatest(a.first_heartbeat_at, s.begin), least(a.available_until, now()))) AS spans
      FROM seen s
      JOIN engine_availability a ON a.engine = s.engine AND a.last_heartbeat_at > s.begin - interval '1 day'
     WHERE a.available_until > s.begin AND a.first_heartbeat_at < now()
     GROUP BY s.engine
), switched AS (
    SELECT engine, enabled, tstzrange(switched_at, coalesce(lead(switched_at) OVER (PARTITION BY engine ORDER BY id), 'infinity')) AS span
      FROM engine_switches
), off AS (
    SELECT engine, range_agg(span) AS spans FROM switched WHERE NOT enabled GROUP BY engine
)
SELECT s.engine, s.first_seen, extract(epoch FROM now() - s.begin)::float8,
       (SELECT coalesce(sum(extract(epoch FROM upper(piece) - lower(piece))), 0)::float8
          FROM unnest(up.spans - coalesce(off.spans, '{}')) AS piece)
  FROM seen s JOIN up USING (engine) LEFT JOIN off USING (engine)
