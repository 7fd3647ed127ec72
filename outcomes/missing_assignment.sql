-- What of an engine's assignment was deleted past all triggers; nothing where no row of its own shows that it was one.
WITH own AS (
    SELECT experiment_id FROM signal_distributions WHERE experiment_id = %(experiment)s AND engine = %(engine)s
     UNION
    SELECT experiment_id FROM recommendations WHERE experiment_id = %(experiment)s AND engine = %(engine)s),
     e AS (SELECT * FROM experiments JOIN own USING (experiment_id))
SELECT 'the experiment ' || own.experiment_id FROM own WHERE NOT EXISTS (SELECT FROM e)
 UNION ALL
SELECT 'the market context' FROM e WHERE NOT EXISTS (SELECT FROM market_contexts c WHERE c.signal_id = e.signal_id)
 UNION ALL
SELECT 'policy version ' || e.policy_version FROM e
 WHERE NOT EXISTS (SELECT FROM policy_versions p WHERE p.version = e.policy_version)
 UNION ALL
SELECT 'the distribution to engine ' || %(engine)s FROM own
 WHERE NOT EXISTS (SELECT FROM signal_distributions d
                    WHERE d.experiment_id = own.experiment_id AND d.engine = %(engine)s)
