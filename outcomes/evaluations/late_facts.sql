-- Judged blocks of which something was told later than their latest revision looked; evaluations long over rest.
SELECT DISTINCT b.evaluation_id, b.number
  FROM (SELECT DISTINCT ON (evaluation_id, number) evaluation_id, number, experiment_ids, judged_at
          FROM evaluation_blocks
         WHERE evaluation_id IN (SELECT evaluation_id FROM evaluation_runs
                                  WHERE concluded_at IS NULL OR concluded_at > now() - interval '90 days')
         ORDER BY evaluation_id, number, revision DESC) b
 CROSS JOIN LATERAL unnest(b.experiment_ids) AS member(experiment_id)
 WHERE EXISTS (SELECT FROM trade_fills f
                WHERE f.experiment_id = member.experiment_id AND f.reported_at > b.judged_at)
    OR EXISTS (SELECT FROM pair_violations v
                WHERE v.experiment_id = member.experiment_id AND v.found_at > b.judged_at)
    OR EXISTS (SELECT FROM own_exits x
                WHERE x.experiment_id = member.experiment_id AND x.priced_at > b.judged_at)
 ORDER BY 1, 2
