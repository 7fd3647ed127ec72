-- However a batch ends, what it leaves undecided is queued again; nearly always that is nothing, which one look tells.
-- Whoever holds such a signal at this moment is not waited for: the worker would decide nothing for as long as he likes.
-- He has seen the batch, and so will not queue it himself. So his signal stays in the batch, which ends once more.
CREATE OR REPLACE FUNCTION queue_what_a_batch_leaves() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    undecided uuid[] := ARRAY(SELECT signal_id FROM signals_to_try WHERE signal_id = ANY (OLD.signal_ids));
BEGIN
    IF undecided = '{}' THEN
        RETURN NULL;
    END IF;
    WITH free AS (
        SELECT is_retry, due_at, signal_id FROM signals_to_try WHERE signal_id = ANY (undecided) FOR UPDATE SKIP LOCKED
    ), queued AS (
        INSERT INTO waiting_signals (is_retry, due_at, signal_id) SELECT is_retry, due_at, signal_id FROM free
        ON CONFLICT DO NOTHING
    )
    INSERT INTO worker_batches (token, signal_ids, backend_pid, backend_started_at, started_at)
    SELECT OLD.token, array_agg(signal_id), OLD.backend_pid, OLD.backend_started_at, OLD.started_at
      FROM signals_to_try
     WHERE signal_id = ANY (undecided) AND signal_id NOT IN (SELECT signal_id FROM free)
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
