-- By which engines the experiments have been answered.
SELECT count(*) FILTER (WHERE a.engine IS NOT NULL AND b.engine IS NOT NULL) AS both,
       count(*) FILTER (WHERE a.engine IS NOT NULL AND b.engine IS NULL) AS a_only,
       count(*) FILTER (WHERE a.engine IS NULL AND b.engine IS NOT NULL) AS b_only,
       count(*) FILTER (WHERE a.engine IS NULL AND b.engine IS NULL) AS neither
  FROM experiments e{joins}
  LEFT JOIN recommendations a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
  LEFT JOIN recommendations b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
 WHERE {conditions} AND {period}
