-- The worker's queue: which signals wait is said once, here, and the database itself puts them there. A signal that is to
-- be tried is in waiting_signals or in one batch of worker_batches; one that is decided, given up or discarded in neither.
-- Rows come and go all the time: vacuum by their number, not by a share of a table that is empty most of the time.
ALTER TABLE waiting_signals SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
                                 autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0,
                                 autovacuum_analyze_threshold = 1000);

-- What is to be tried, as the queue holds it: oldest first, the fresh in batches and what has failed one by one.
CREATE VIEW signals_to_try AS
SELECT status = 'FAILED' AS is_retry, coalesce(next_attempt_at, received_at) AS due_at, signal_id
  FROM signals
 WHERE status = 'PENDING' OR (status = 'FAILED' AND next_attempt_at IS NOT NULL);

-- What is pending, claimed or not, and what has failed: found by what their indexes hold, which the status is not in.
CREATE VIEW pending_signals AS
SELECT signal_id, due_at AS received_at FROM waiting_signals WHERE NOT is_retry
 UNION ALL
SELECT s.signal_id, s.received_at FROM worker_batches b JOIN signals s ON s.signal_id = ANY (b.signal_ids)
 WHERE s.status = 'PENDING';
CREATE VIEW failed_signals AS
SELECT signal_id, received_at, discarded_at FROM signals WHERE status = 'FAILED' AND attempts > 0;

-- Whoever stores signals, by whatever way, has them decided; for all of a statement at once.
CREATE FUNCTION queue_new_signals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO waiting_signals (is_retry, due_at, signal_id)
    SELECT status = 'FAILED', coalesce(next_attempt_at, received_at), signal_id FROM added
     WHERE status = 'PENDING' OR (status = 'FAILED' AND next_attempt_at IS NOT NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER signals_are_queued AFTER INSERT ON signals REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION queue_new_signals();

-- A failure, a retry or an end of them moves a signal in the queue; one that a batch has comes back when the batch ends.
-- A decision does not come here: what is decided was claimed before, and is in the queue no more.
CREATE FUNCTION move_queued_signal() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM waiting_signals
     WHERE is_retry = (OLD.status = 'FAILED') AND due_at = coalesce(OLD.next_attempt_at, OLD.received_at)
       AND signal_id = OLD.signal_id;
    INSERT INTO waiting_signals (is_retry, due_at, signal_id)
    SELECT is_retry, due_at, signal_id FROM signals_to_try
     WHERE signal_id = NEW.signal_id
       AND NOT EXISTS (SELECT FROM worker_batches WHERE NEW.signal_id = ANY (signal_ids));
    RETURN NULL;
END $$;
CREATE TRIGGER signals_move_in_the_queue AFTER UPDATE ON signals FOR EACH ROW
WHEN (NEW.status <> 'PROCESSED' AND (OLD.status, OLD.next_attempt_at) IS DISTINCT FROM (NEW.status, NEW.next_attempt_at))
EXECUTE FUNCTION move_queued_signal();

-- However a batch ends, what it leaves undecided is queued again. Whoever changes such a signal at this moment is waited
-- for: he has seen the batch, and so has not queued it himself.
CREATE FUNCTION queue_what_a_batch_leaves() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO waiting_signals (is_retry, due_at, signal_id)
    SELECT is_retry, due_at, signal_id FROM signals_to_try WHERE signal_id = ANY (OLD.signal_ids) FOR UPDATE
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER worker_batches_leave_nothing_behind AFTER DELETE ON worker_batches
FOR EACH ROW EXECUTE FUNCTION queue_what_a_batch_leaves();

-- What waits in a database that had no such table.
INSERT INTO waiting_signals (is_retry, due_at, signal_id)
SELECT is_retry, due_at, signal_id FROM signals_to_try
 WHERE signal_id NOT IN (SELECT unnest(signal_ids) FROM worker_batches);
