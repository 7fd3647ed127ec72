-- Everything a decision depends on beside the signal, at one instant; the settings' columns are put in at the mark.
-- The clock is read after the snapshot is taken, so that nothing seen here happened later (see selectors.py).
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at)
SELECT p.version, moment.at,
       (SELECT e.enabled AND e.last_heartbeat_at > moment.at - make_interval(secs => p.heartbeat_ttl_seconds)
          FROM engines e WHERE e.name = 'A') IS TRUE,
       (SELECT e.enabled AND e.last_heartbeat_at > moment.at - make_interval(secs => p.heartbeat_ttl_seconds)
          FROM engines e WHERE e.name = 'B') IS TRUE,
       EXISTS (SELECT FROM halts WHERE released_at IS NULL),
       trip.name, trip.value, trip."limit" /* settings */
  FROM policy_versions p CROSS JOIN moment
  LEFT JOIN LATERAL (
      SELECT name, value, "limit" FROM guardrail_trips WHERE released_at IS NULL ORDER BY id LIMIT 1) trip ON true
 ORDER BY p.version DESC LIMIT 1
