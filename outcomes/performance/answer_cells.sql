-- What became of the answers to the experiments of days, from midnight to midnight: for every slice, and for all slices
-- of a policy version together.
WITH answered AS MATERIALIZED ({answers}),
sliced AS MATERIALIZED (
    SELECT experiment_id, {dimensions}
      FROM ({experiments}) experiments WHERE experiment_id IN (SELECT experiment_id FROM answered)
    UNION ALL
    SELECT experiment_id, {dimensions}
      FROM archived_experiments WHERE experiment_id IN (SELECT experiment_id FROM answered)
),
members AS MATERIALIZED (
    SELECT experiment_id, slice_id FROM ({memberships}) m JOIN (SELECT slice_id, hash FROM report_slices) s USING (hash)
    UNION ALL SELECT experiment_id, NULL FROM sliced
),
-- What is pending by the clock alone becomes never opened by it: the day has to be looked at again.
waits AS (
    INSERT INTO report_marks (day, due_at)
    SELECT (created_at AT TIME ZONE 'America/New_York')::date, max(ends) FROM answered
     WHERE 'PENDING' IN (a_became, b_became) AND ends >= now() GROUP BY 1
),
cells AS (
    SELECT slice_id, day, policy_version, {measures}
      FROM (SELECT *, (created_at AT TIME ZONE 'America/New_York')::date AS day FROM answered) dated
      JOIN members USING (experiment_id)
     GROUP BY slice_id, day, policy_version
)
INSERT INTO report_answer_cells (slice_id, day, policy_version, {names})
SELECT slice_id, day, policy_version, {filled} FROM cells
