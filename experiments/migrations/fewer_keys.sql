-- What a row repeats of another is compared once, when it comes, for all rows of the statement: neither row ever changes
-- in that column. Keys of both columns would cost an index each, and every row a look of its own.
ALTER TABLE experiments DROP CONSTRAINT experiments_hash_is_of_the_signal;
ALTER TABLE signals DROP CONSTRAINT signals_id_and_hash;
ALTER TABLE execution_policy DROP CONSTRAINT execution_policy_version_is_pinned;
ALTER TABLE experiments DROP CONSTRAINT experiments_id_and_policy_version;

-- By the index however few rows there are: the plan is kept while the table grows.
CREATE FUNCTION compare_experiments_with_signals() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM added
                WHERE signal_hash <> (SELECT signal_hash FROM signals s WHERE s.signal_id = added.signal_id)) THEN
        RAISE EXCEPTION 'The hash in an experiment is that of its signal.'
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'experiments_hash_is_of_the_signal',
              TABLE = 'experiments';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER experiments_hash_is_of_the_signal AFTER INSERT ON experiments REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION compare_experiments_with_signals();

CREATE FUNCTION compare_decisions_with_experiments() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM added
                WHERE policy_version <> (SELECT policy_version FROM experiments e
                                          WHERE e.experiment_id = added.experiment_id)) THEN
        RAISE EXCEPTION 'A decision is made by the policy version that its experiment pins.'
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'execution_policy_version_is_pinned',
              TABLE = 'execution_policy';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER execution_policy_version_is_pinned AFTER INSERT ON execution_policy REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION compare_decisions_with_experiments();
