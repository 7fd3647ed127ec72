-- The reverse of queue.sql; what waits is found by the status again.
DROP TRIGGER worker_batches_leave_nothing_behind ON worker_batches;
DROP TRIGGER signals_move_in_the_queue ON signals;
DROP TRIGGER signals_are_queued ON signals;
DROP FUNCTION queue_what_a_batch_leaves, move_queued_signal, queue_new_signals;
DROP VIEW failed_signals, pending_signals, signals_to_try;
