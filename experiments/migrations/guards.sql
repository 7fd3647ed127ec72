-- Bucket and variant follow from assignment hash and split: derived anew for every row, as experiments/core/decision.py
-- does. The hash itself needs a key that is no business of the database.
ALTER TABLE experiments
ADD CONSTRAINT experiments_bucket_is_derived CHECK (
    bucket = ((
        (get_byte(decode(assignment_hash, 'hex'), 0)::bigint << 40)
        + (get_byte(decode(assignment_hash, 'hex'), 1)::bigint << 32)
        + (get_byte(decode(assignment_hash, 'hex'), 2)::bigint << 24)
        + (get_byte(decode(assignment_hash, 'hex'), 3)::bigint << 16)
        + (get_byte(decode(assignment_hash, 'hex'), 4)::bigint << 8)
        + get_byte(decode(assignment_hash, 'hex'), 5)::bigint
    ) * 10000) >> 48
),
ADD CONSTRAINT experiments_variant_is_derived CHECK (
    variant = CASE WHEN bucket < (split_percentage * 100)::integer THEN 'A' ELSE 'B' END
),
ADD CONSTRAINT experiments_split_is_of_the_pinned_version
    FOREIGN KEY (policy_version, split_percentage) REFERENCES policy_versions (version, split_percentage);

-- The hash in an experiment is that of its signal.
ALTER TABLE signals ADD CONSTRAINT signals_id_and_hash UNIQUE (signal_id, signal_hash);
ALTER TABLE experiments ADD CONSTRAINT experiments_hash_is_of_the_signal
    FOREIGN KEY (signal_id, signal_hash) REFERENCES signals (signal_id, signal_hash);

-- A decision is made by the policy version that its experiment pins, and its hash follows from its columns.
ALTER TABLE experiments ADD CONSTRAINT experiments_id_and_policy_version UNIQUE (experiment_id, policy_version);
ALTER TABLE execution_policy
ADD CONSTRAINT execution_policy_version_is_pinned
    FOREIGN KEY (experiment_id, policy_version) REFERENCES experiments (experiment_id, policy_version),
ADD CONSTRAINT execution_policy_hash_is_derived CHECK (
    decision_hash = encode(sha256(convert_to(
        '{"decision":{"executed_engine":' || coalesce('"' || executed_engine || '"', 'null')
        || ',"execution_mode":"' || execution_mode || '","reason":"' || reason
        || '","shadow_engine":"' || shadow_engine || '"},"inputs":' || inputs::text
        || ',"rules_version":' || rules_version::text || '}', 'UTF8')), 'hex')
);

-- Neither an experiment nor its decision ever changes.
CREATE TRIGGER experiments_append_only BEFORE UPDATE OR DELETE ON experiments
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER execution_policy_append_only BEFORE UPDATE OR DELETE ON execution_policy
FOR EACH ROW EXECUTE FUNCTION refuse_change();
