-- The next deliveries whose block has no words yet, the oldest first. A block counts as full once a delivery of a later
-- one is there and all of its own are a minute old: ids are given before a row is committed, and no alert takes so long.
WITH next AS (
    SELECT id, id / %(size)s AS block, received_at, body, code, detail
      FROM webhook_deliveries
     WHERE id >= (SELECT coalesce(max(block) + 1, 0) * %(size)s FROM delivery_words)
     ORDER BY id
     LIMIT %(rows)s
), young AS (
    SELECT least((SELECT max(block) FROM next),
                 (SELECT min(block) FROM next WHERE received_at > statement_timestamp() - interval '1 minute')) AS block
)
SELECT next.block, next.body, next.code, next.detail FROM next, young WHERE next.block < young.block ORDER BY next.id
