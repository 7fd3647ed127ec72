-- What each engine did with the assignments of the last 24 hours, and what waits for it or for an operator, a row each.
-- Bounded by the index on experiments.created_at: whatever is older stands in the tables of the admin.
WITH day AS (
    SELECT d.experiment_id, d.engine, r.action, r.role, r.role_reason, d.lease_expires_at, d.answered_at,
           extract(epoch FROM r.recommended_at - d.distributed_at)::float8 AS seconds,
           d.distributed_at + make_interval(secs => v.max_answer_age_seconds) < now() AS is_over
      FROM experiments e
      JOIN policy_versions v ON v.version = e.policy_version
      JOIN signal_distributions d USING (experiment_id)
      LEFT JOIN recommendations r USING (experiment_id, engine)
     WHERE e.created_at >= now() - interval '1 day'
), answers AS (
    SELECT engine,
           count(*) FILTER (WHERE action = 'OPEN' AND role = 'REAL') AS real,
           count(*) FILTER (WHERE action = 'OPEN' AND role = 'SHADOW') AS shadow,
           count(*) FILTER (WHERE action = 'DECLINE') AS declined,
           count(*) FILTER (WHERE role_reason = 'STALE_ANSWER') AS stale,
           count(*) FILTER (WHERE action IS NULL AND is_over) AS silent,
           count(*) FILTER (WHERE answered_at IS NULL AND lease_expires_at <= now()) AS lapsed_leases,
           percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]::float8[]) WITHIN GROUP (ORDER BY seconds) AS percentiles
      FROM day GROUP BY engine
), bars AS (
    -- Answers by how long they took: a bar for what lies below each bound, and one for the rest.
    SELECT engine, array_agg(n ORDER BY bar) AS counts
      FROM (SELECT e.engine, bar, count(d.seconds) AS n
              FROM (SELECT DISTINCT engine FROM day) e
             CROSS JOIN generate_series(0, cardinality(ARRAY[/* bounds */])) AS bar
              LEFT JOIN day d ON d.engine = e.engine
               AND width_bucket(d.seconds, ARRAY[/* bounds */]::float8[]) = bar
             GROUP BY e.engine, bar) counted
     GROUP BY engine
), permitted AS (
    SELECT p.engine, count(*) AS given, count(p.confirmed_at) AS confirmed, count(t.trade_id) AS used,
           count(t.trade_id) FILTER (WHERE p.confirmed_at IS NULL) AS unconfirmed,
           count(*) FILTER (WHERE t.trade_id IS NULL AND p.expires_at < now()) AS lapsed
      FROM experiments e
      JOIN permits p USING (experiment_id)
      LEFT JOIN real_trades t USING (experiment_id)
     WHERE e.created_at >= now() - interval '1 day'
     GROUP BY p.engine
), directed AS (
    SELECT d.shadow_engine AS engine,
           count(*) FILTER (WHERE d.state IN ('DONE', 'ALREADY_CLOSED')) AS done,
           count(*) FILTER (WHERE d.state = 'UNPRICED') AS unpriced
      FROM experiments e
      JOIN exit_directives d USING (experiment_id)
     WHERE e.created_at >= now() - interval '1 day'
     GROUP BY d.shadow_engine
)
SELECT n.engine, coalesce(a.real, 0), coalesce(a.shadow, 0), coalesce(a.declined, 0), coalesce(a.stale, 0),
       coalesce(a.silent, 0), coalesce(a.lapsed_leases, 0), a.percentiles,
       coalesce(b.counts, array_fill(0::bigint, ARRAY[cardinality(ARRAY[/* bounds */]) + 1])),
       coalesce(p.given, 0), coalesce(p.confirmed, 0), coalesce(p.used, 0), coalesce(p.unconfirmed, 0), coalesce(p.lapsed, 0),
       coalesce(d.done, 0), coalesce(d.unpriced, 0),
       (SELECT count(*) FROM exit_directives w WHERE w.shadow_engine = n.engine AND w.state = 'PENDING'),
       (SELECT count(*) FROM trade_amendments w WHERE w.engine = n.engine AND w.state = 'PROPOSED'),
       (SELECT count(*) FROM trade_amendments w WHERE w.engine = n.engine AND w.state = 'ACCEPTED'),
       (SELECT count(*) FROM trade_amendments w WHERE w.engine = n.engine AND w.state = 'REFUSED'),
       (SELECT count(*) FROM incidents i LEFT JOIN incident_acknowledgements k ON k.incident_id = i.id
         WHERE i.engine = n.engine AND k.incident_id IS NULL),
       (SELECT count(*) FROM incidents i WHERE i.engine = n.engine)
  FROM (VALUES ('A'), ('B')) AS n (engine)
  LEFT JOIN answers a USING (engine)
  LEFT JOIN bars b USING (engine)
  LEFT JOIN permitted p USING (engine)
  LEFT JOIN directed d USING (engine)
