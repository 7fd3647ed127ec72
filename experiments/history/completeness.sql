-- What must hold of the tables of the chain as a whole (R6). Each statement lists the field that is wrong, what is
-- stored there and what should be.

-- invariant: decided_signals_have_an_experiment
-- Every decided signal has its experiment.
SELECT 'experiments' AS field, NULL AS stored, 'a row of signal ' || s.signal_id AS expected
  FROM signals s
 WHERE s.status = 'PROCESSED' AND NOT EXISTS (SELECT FROM experiments e WHERE e.signal_id = s.signal_id);

-- invariant: nothing_is_left_over
-- Contexts, decisions and distributions belong to an experiment.
SELECT 'market_contexts' AS field, 'a row with signal_id ' || c.signal_id AS stored, 'its experiment' AS expected
  FROM market_contexts c
 WHERE NOT EXISTS (SELECT FROM experiments e WHERE e.signal_id = c.signal_id)
UNION ALL
SELECT 'execution_policy', 'a row with experiment_id ' || d.experiment_id, 'its experiment'
  FROM execution_policy d
 WHERE NOT EXISTS (SELECT FROM experiments e WHERE e.experiment_id = d.experiment_id)
UNION ALL
SELECT 'signal_distributions', 'a row with experiment_id ' || d.experiment_id, 'its experiment'
  FROM signal_distributions d
 WHERE NOT EXISTS (SELECT FROM experiments e WHERE e.experiment_id = d.experiment_id);

-- invariant: engines_are_a_or_b
-- Contexts go to engine A or B and to nobody else.
SELECT 'signal_distributions.engine' AS field, engine || ' of experiment ' || experiment_id AS stored,
       'A or B' AS expected
  FROM signal_distributions
 WHERE engine NOT IN ('A', 'B');

-- invariant: a_decision_clears_failed_attempts
-- A decided signal keeps no error and no time of a next attempt.
SELECT 'signals.last_error' AS field, last_error || ' of signal ' || signal_id AS stored, 'nothing' AS expected
  FROM signals
 WHERE status = 'PROCESSED' AND last_error <> ''
UNION ALL
SELECT 'signals.next_attempt_at', next_attempt_at || ' of signal ' || signal_id, 'nothing'
  FROM signals
 WHERE status = 'PROCESSED' AND next_attempt_at IS NOT NULL;

-- invariant: a_signal_came_with_one_delivery
-- A signal came with one accepted delivery, at the same time and from the same source, and no delivery is without it.
SELECT 'signals.received_at' AS field, s.received_at || ' of signal ' || s.signal_id AS stored,
       d.received_at::text AS expected
  FROM signals s JOIN webhook_deliveries d USING (signal_id)
 WHERE d.outcome = 'accepted' AND d.received_at <> s.received_at
UNION ALL
SELECT 'signals.source', s.source || ' of signal ' || s.signal_id, w.slug
  FROM signals s JOIN webhook_deliveries d USING (signal_id) JOIN webhook_sources w ON w.id = d.source_id
 WHERE d.outcome = 'accepted' AND w.slug <> s.source
UNION ALL
SELECT 'webhook_deliveries', count(*) || ' accepted of signal ' || signal_id, '1'
  FROM webhook_deliveries
 WHERE outcome = 'accepted'
 GROUP BY signal_id
HAVING count(*) > 1
UNION ALL
SELECT 'signals', NULL, 'signal ' || d.signal_id || ' of delivery ' || d.id
  FROM webhook_deliveries d
 WHERE d.signal_id IS NOT NULL AND NOT EXISTS (SELECT FROM signals s WHERE s.signal_id = d.signal_id);

-- invariant: policy_versions_follow_each_other
-- Policy versions are numbered without a gap, each based on the one before and not activated before it.
SELECT 'policy_versions.base_version' AS field,
       'version ' || p.version || ' of ' || coalesce(p.base_version_id::text, 'none') AS stored,
       coalesce(b.version::text, 'none') AS expected
  FROM policy_versions p LEFT JOIN policy_versions b ON b.version = p.version - 1
 WHERE p.base_version_id IS DISTINCT FROM b.version OR (p.version > 1 AND b.version IS NULL)
UNION ALL
SELECT 'policy_versions.activated_at', 'version ' || p.version || ' at ' || p.activated_at,
       'not before ' || b.activated_at
  FROM policy_versions p JOIN policy_versions b ON b.version = p.version - 1
 WHERE p.activated_at < b.activated_at;
