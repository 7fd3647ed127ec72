-- How long each engine has been silent, in seconds, and how many signals were decided without it since then.
SELECT e.name, extract(epoch FROM now() - e.last_heartbeat_at)::float8,
       (SELECT count(*) FROM experiments x JOIN execution_policy p USING (experiment_id)
         WHERE x.created_at > e.last_heartbeat_at AND p.reason = 'ENGINE_' || e.name || '_UNAVAILABLE')
  FROM engines e
