-- Store the answer with the role that is revealed by it, its permit, and that the work is answered.
WITH answered AS (
    UPDATE signal_distributions SET answered_at = now()
     WHERE experiment_id = $1 AND engine = $2::text AND context_hash = $3::text AND answered_at IS NULL RETURNING experiment_id
), judged AS (
    SELECT p.experiment_id, p.reason, now() + make_interval(secs => v.permit_ttl_seconds) AS ends, g.rules_hash,
           CASE WHEN p.executed_engine = $2::text AND NOT EXISTS (SELECT FROM halts WHERE released_at IS NULL)
                THEN 'REAL' ELSE 'SHADOW' END AS role
      FROM answered JOIN execution_policy p USING (experiment_id) JOIN policy_versions v ON v.version = p.policy_version
      JOIN engines g ON g.name = $2::text
), recommended AS (
    INSERT INTO recommendations (experiment_id, engine, context_hash, action, strategy_version, rules_hash,
                                 registered_rules_hash, recommendation, plan, request_hash, recommended_at, role,
                                 role_reason, permit_expires_at)
    SELECT experiment_id, $2::text, $3::text, 'OPEN', $4::text, $5::text, rules_hash, $6, $7, $8::text, now(), role, reason,
           CASE WHEN role = 'REAL' THEN ends END
      FROM judged
    RETURNING role, role_reason, permit_expires_at, recommended_at
), permitted AS (
    INSERT INTO permits (experiment_id, engine, revealed_at, expires_at)
    SELECT $1, $2, recommended_at, permit_expires_at FROM recommended WHERE role = 'REAL'
)
SELECT * FROM recommended
