-- Why the sides without a value have none, by engine: of the signals of judged blocks as they were judged.
SELECT side.engine,
       CASE WHEN EXISTS (SELECT FROM pair_violations v WHERE v.experiment_id = found.id AND v.engine = side.engine)
            THEN 'broke a rule'
            WHEN EXISTS (SELECT FROM shadow_trades t WHERE t.experiment_id = found.id AND t.engine = side.engine)
              OR EXISTS (SELECT FROM real_trades t WHERE t.experiment_id = found.id AND t.engine = side.engine)
            THEN 'unpriced, or still open at the deadline'
            ELSE 'never opened' END AS because,
       count(*)
  FROM evaluation_blocks b
 CROSS JOIN json_array_elements(b.signals) AS signal
 CROSS JOIN LATERAL (SELECT (signal ->> 'experiment_id')::uuid AS id) AS found
 CROSS JOIN LATERAL (VALUES ('A', signal -> 'a' ->> 'standing'), ('B', signal -> 'b' ->> 'standing'))
         AS side (engine, standing)
 WHERE b.evaluation_id = %(evaluation)s AND b.revision = 1 AND b.missing_a + b.missing_b > 0
   AND side.standing = 'MISSING'
 GROUP BY 1, 2
 ORDER BY 1, 2
