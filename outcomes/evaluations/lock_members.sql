-- Wait for every report of these experiments that is being stored, and hold off others until the block is judged: the
-- answers first, as they are locked when an engine declines.
SELECT count(*) FROM (
    SELECT FROM signal_distributions WHERE experiment_id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE) answers;
SELECT count(*) FROM (
    SELECT FROM execution_policy WHERE experiment_id = ANY(%(ids)s) ORDER BY experiment_id FOR NO KEY UPDATE) reports
