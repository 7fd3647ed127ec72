-- Policy versions, market data and decisions in the order in which they happened, one document each. Decisions come by
-- the instant at which they read the policy, so that it stands before them. The mark is where settings with decimals
-- are put in as text, because a reader of JSON takes numbers for floats.
SELECT document FROM (
    SELECT activated_at AS at, 0 AS rank, version::bigint AS place,
           (to_jsonb(p) || jsonb_build_object(
               'kind', 'policy'/* decimal settings */))::text AS document
      FROM policy_versions p
    UNION ALL
    SELECT received_at, 1, id, jsonb_build_object('kind', 'market_data', 'symbol', symbol, 'exchange', exchange,
           'as_of', as_of, 'received_at', received_at, 'source', source, 'data', data::text)::text FROM market_data
    UNION ALL
    SELECT d.decided_at, 2, 0, jsonb_build_object('kind', 'decided', 'signal_id', e.signal_id,
           'signal_hash', e.signal_hash, 'experiment_id', e.experiment_id, 'assignment_hash', e.assignment_hash,
           'assignment_key_id', e.assignment_key_id, 'bucket', e.bucket, 'variant', e.variant,
           'policy_version', e.policy_version, 'split_percentage', e.split_percentage::text,
           'context_hash', c.context_hash)::text
      FROM experiments e JOIN execution_policy d USING (experiment_id) JOIN market_contexts c USING (signal_id)
) AS events ORDER BY at, rank, place
