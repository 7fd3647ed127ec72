-- How long each engine has been silent, in seconds, and how many signals were decided without it since then.
SELECT e.name, extract(epoch FROM now() - e.last_heartbeat_at)::float8,
       (SELECT count(*) FROM execution_policy p
         WHERE p.reason IN ('ENGINE_A_UNAVAILABLE', 'ENGINE_B_UNAVAILABLE') -- known beforehand, and rare
           AND p.decided_at > e.last_heartbeat_at AND p.reason = 'ENGINE_' || e.name || '_UNAVAILABLE')
  FROM engines e
