-- The engine is there: its row, and its stretch of availability.
WITH reported AS (
    UPDATE engines SET last_heartbeat_at = now(), engine_version = $2::text, rules_hash = $3::text WHERE name = $1::text RETURNING enabled
), extended AS (
    UPDATE engine_availability SET last_heartbeat_at = now(), available_until = now() + interval '30 seconds'
     WHERE id = (SELECT id FROM engine_availability WHERE engine = $1::text ORDER BY last_heartbeat_at DESC LIMIT 1)
    RETURNING id
), started AS (
    INSERT INTO engine_availability (engine, first_heartbeat_at, last_heartbeat_at, available_until, engine_version, rules_hash)
    SELECT $1::text, now(), now(), now() + interval '30 seconds', $2::text, $3::text WHERE NOT EXISTS (SELECT FROM extended)
)
SELECT enabled, now() + interval '30 seconds' AS available_until,
       EXISTS (SELECT FROM halts WHERE released_at IS NULL) AS halted
  FROM reported
