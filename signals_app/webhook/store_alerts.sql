-- Alerts as they wait: each one's delivery, with its new signal where it makes one, both or neither; one round trip and
-- one commit for all. PostgreSQL gives every version of a row another xmin, so nothing is stored of an alert whose
-- source was changed after it was judged; its number is missing in the answer. Whoever comes second waits for the
-- first to commit, so that its next statement sees the row. In the order of the keys, so that two writers wait for each
-- other in one order only. A delivery's foreign key locks its source: where somebody holds that lock nothing is stored
-- either, and the answer says so, or all the others would wait with it.
WITH item AS (
    SELECT *
      FROM unnest(%(number)b::int4[], %(source_id)b::int8[], %(source_version)b::text[], %(received_at)b::timestamptz[],
                  %(remote_address)b::text[], %(content_type)b::text[], %(body)b::bytea[], %(body_sha256)b::text[],
                  %(outcome)b::text[], %(code)b::text[], %(detail)b::text[], %(signal_id)b::uuid[],
                  %(alert_time)b::timestamptz[], %(duration_ms)b::float8[], %(source)b::text[], %(exchange)b::text[],
                  %(symbol)b::text[], %(direction)b::text[], %(timeframe)b::text[], %(timestamp)b::timestamptz[],
                  %(strategy)b::text[], %(order_id)b::text[], %(signal_hash)b::text[], %(raw_payload)b::text[],
                  %(consumed_fields)b::text[], %(replayed)b::bool[])
           AS t (number, source_id, source_version, received_at, remote_address, content_type, body, body_sha256,
                 outcome, code, detail, signal_id, alert_time, duration_ms, source, exchange, symbol, direction,
                 timeframe, timestamp, strategy, order_id, signal_hash, raw_payload, consumed_fields, replayed)
), source AS MATERIALIZED (
    SELECT id, xmin AS version FROM webhook_sources WHERE id = ANY(%(source_id)b) FOR KEY SHARE SKIP LOCKED
), judged AS MATERIALIZED (
    SELECT item.* FROM item JOIN source ON source.id = item.source_id AND source.version = item.source_version::xid
), stored AS (
    INSERT INTO signals (signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id,
                         signal_hash, raw_payload, consumed_fields, replayed, received_at, status, attempts, last_error)
    SELECT signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id, signal_hash,
           raw_payload::jsonb, consumed_fields::text[], replayed, received_at, 'PENDING', 0, ''
      FROM judged
     WHERE signal_hash IS NOT NULL
     ORDER BY signal_id
    ON CONFLICT DO NOTHING
    RETURNING signal_id
), kept AS (
    SELECT judged.* FROM judged LEFT JOIN stored USING (signal_id)
     WHERE judged.signal_hash IS NULL OR stored.signal_id IS NOT NULL
), delivered AS (
    INSERT INTO webhook_deliveries (received_at, source_id, remote_address, content_type, body, body_sha256, outcome,
                                    code, detail, signal_id, alert_time, duration_ms)
    SELECT received_at, source_id, remote_address::inet, content_type, body, body_sha256, outcome, code, detail,
           signal_id, alert_time, duration_ms
      FROM kept
     ORDER BY number
)
SELECT item.number, kept.number IS NOT NULL, source.id IS NULL, clock_timestamp()
  FROM item
  LEFT JOIN source ON source.id = item.source_id
  LEFT JOIN judged USING (number)
  LEFT JOIN kept USING (number)
 WHERE judged.number IS NOT NULL
    OR (source.id IS NULL AND EXISTS (SELECT FROM webhook_sources AS held WHERE held.id = item.source_id))
