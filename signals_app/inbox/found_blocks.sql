-- Blocks from one to another that hold every word, the newest first. The newest ones are read in their order, which
-- ends after a few where many hold the words; the index of words finds those few that hold a rare one.
WITH newest AS MATERIALIZED (
    SELECT block FROM delivery_words
     WHERE block BETWEEN greatest(%(bottom)s, %(top)s - %(newest)s) AND %(top)s AND words @@ %(sought)s::tsquery
     ORDER BY block DESC LIMIT %(most)s
), older AS (
    SELECT block FROM delivery_words
     WHERE block BETWEEN %(bottom)s AND %(top)s - %(newest)s - 1 AND words @@ %(sought)s::tsquery
       AND (SELECT count(*) FROM newest) < %(most)s
     ORDER BY block DESC LIMIT %(most)s
)
SELECT block FROM (SELECT block FROM newest UNION ALL SELECT block FROM older) AS found ORDER BY block DESC LIMIT %(most)s
