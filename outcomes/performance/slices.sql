-- The slices of some experiments that are not known yet. {{ids}} are theirs, {{memberships}} the rows those of `sliced`.
WITH sliced AS MATERIALIZED (
    SELECT experiment_id, {dimensions} FROM ({experiments}) e WHERE experiment_id IN ({ids})
)
INSERT INTO report_slices (hash, level, {dimensions})
SELECT DISTINCT hash, level, {dimensions} FROM ({memberships}) members
 WHERE NOT EXISTS (SELECT FROM report_slices known WHERE known.hash = members.hash)
