-- A heartbeat of one engine, by the database clock: until when it is available, whether it is enabled,
-- and whether trading is halted.
-- It extends the engine's latest stretch of availability. It starts a new one after a gap, when the engine reports
-- another version or other rules, and when the time to live has changed since, so that one stretch has one.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at),
policy AS (
    SELECT make_interval(secs => heartbeat_ttl_seconds) AS ttl FROM policy_versions ORDER BY version DESC LIMIT 1
), reported AS (
    UPDATE engines SET last_heartbeat_at = moment.at, engine_version = %(engine_version)s, rules_hash = %(rules_hash)s,
                       model = %(model)s
      FROM moment WHERE name = %(engine)s
    RETURNING enabled
), latest AS (
    SELECT * FROM engine_availability WHERE engine = %(engine)s ORDER BY last_heartbeat_at DESC, id DESC LIMIT 1
), extended AS (
    UPDATE engine_availability a SET last_heartbeat_at = moment.at, available_until = moment.at + policy.ttl
      FROM latest, moment, policy
     WHERE a.id = latest.id AND moment.at < latest.available_until
       AND latest.engine_version = %(engine_version)s AND latest.rules_hash = %(rules_hash)s
       AND NOT EXISTS (
           SELECT FROM policy_versions p WHERE p.activated_at >= latest.last_heartbeat_at
              AND make_interval(secs => p.heartbeat_ttl_seconds) <> latest.available_until - latest.last_heartbeat_at)
    RETURNING a.id
), started AS (
    INSERT INTO engine_availability (engine, first_heartbeat_at, last_heartbeat_at, available_until, engine_version, rules_hash)
    SELECT %(engine)s, moment.at, moment.at, moment.at + policy.ttl, %(engine_version)s, %(rules_hash)s
      FROM moment, policy, reported WHERE NOT EXISTS (SELECT FROM extended)
)
SELECT moment.at + policy.ttl, reported.enabled, EXISTS (SELECT FROM halts WHERE released_at IS NULL)
  FROM moment, policy, reported
