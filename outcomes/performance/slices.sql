-- The slices of some experiments that are not known yet. {{ids}} are theirs, {{memberships}} the rows those of `sliced`.
WITH asked AS MATERIALIZED ({ids}),
sliced AS MATERIALIZED (
    SELECT experiment_id, {dimensions}
      FROM ({experiments}) e WHERE experiment_id IN (SELECT experiment_id FROM asked)
    UNION ALL
    SELECT experiment_id, {dimensions}
      FROM archived_experiments WHERE experiment_id IN (SELECT experiment_id FROM asked)
)
INSERT INTO report_slices (hash, level, {dimensions})
SELECT DISTINCT hash, level, {dimensions} FROM ({memberships}) members
 WHERE NOT EXISTS (SELECT FROM report_slices known WHERE known.hash = members.hash)
