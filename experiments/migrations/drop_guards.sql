-- The reverse of guards.sql.
DROP TRIGGER execution_policy_append_only ON execution_policy;
DROP TRIGGER experiments_append_only ON experiments;
ALTER TABLE execution_policy
    DROP CONSTRAINT execution_policy_hash_is_derived,
    DROP CONSTRAINT execution_policy_version_is_pinned;
ALTER TABLE experiments
    DROP CONSTRAINT experiments_id_and_policy_version,
    DROP CONSTRAINT experiments_hash_is_of_the_signal,
    DROP CONSTRAINT experiments_split_is_of_the_pinned_version,
    DROP CONSTRAINT experiments_variant_is_derived,
    DROP CONSTRAINT experiments_bucket_is_derived;
ALTER TABLE signals DROP CONSTRAINT signals_id_and_hash;
