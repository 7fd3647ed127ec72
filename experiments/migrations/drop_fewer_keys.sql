-- The reverse of fewer_keys.sql.
DROP TRIGGER execution_policy_version_is_pinned ON execution_policy;
DROP TRIGGER experiments_hash_is_of_the_signal ON experiments;
DROP FUNCTION compare_decisions_with_experiments, compare_experiments_with_signals;
ALTER TABLE signals ADD CONSTRAINT signals_id_and_hash UNIQUE (signal_id, signal_hash);
ALTER TABLE experiments
ADD CONSTRAINT experiments_id_and_policy_version UNIQUE (experiment_id, policy_version),
ADD CONSTRAINT experiments_hash_is_of_the_signal
    FOREIGN KEY (signal_id, signal_hash) REFERENCES signals (signal_id, signal_hash);
ALTER TABLE execution_policy ADD CONSTRAINT execution_policy_version_is_pinned
    FOREIGN KEY (experiment_id, policy_version) REFERENCES experiments (experiment_id, policy_version);
