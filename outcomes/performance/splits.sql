-- How many experiments got which variant, by pinned split.
SELECT e.split_percentage, count(*) FILTER (WHERE e.variant = 'A') AS a, count(*) FILTER (WHERE e.variant = 'B') AS b
  FROM experiments e{joins}
 WHERE {conditions} AND {period}
 GROUP BY e.split_percentage ORDER BY e.split_percentage
