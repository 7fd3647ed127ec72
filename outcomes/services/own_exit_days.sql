-- For how many days after its entry a shadow's own exit is taken: as long as the running evaluation lets trades be held,
-- one at least, because a trade may begin late on its day; a week while none runs.
SELECT coalesce(max(greatest(max_hold_days, 1)), 7)
  FROM evaluations WHERE id IN (SELECT evaluation_id FROM evaluation_runs WHERE state = 'RUNNING')
