-- A new signal and its delivery, both or neither: atomic without a transaction around it, in one round trip.
-- PostgreSQL gives every version of a row another xmin, so nothing is stored when the source was changed after the
-- alert was judged by it. Whoever comes second waits for the first to commit, so that its next statement sees the row.
-- The conflict names no column: signal_id is in two unique keys, and with one named the other would raise.
WITH stored AS (
    INSERT INTO signals (signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id,
                         signal_hash, raw_payload, consumed_fields, replayed, received_at, status, attempts, last_error)
    SELECT %(signal_id)s, %(source)s, %(exchange)s, %(symbol)s, %(direction)s, %(timeframe)s, %(timestamp)s,
           %(strategy)s, %(order_id)s, %(signal_hash)s, %(raw_payload)s::jsonb, %(consumed_fields)s, %(replayed)s,
           %(received_at)s, 'PENDING', 0, ''
     WHERE EXISTS (SELECT FROM webhook_sources WHERE id = %(source_id)s AND xmin = %(source_version)s::xid)
    ON CONFLICT DO NOTHING
    RETURNING signal_id
)
INSERT INTO webhook_deliveries (received_at, source_id, remote_address, content_type, body, body_sha256, outcome, code,
                                detail, signal_id, duration_ms)
SELECT %(received_at)s, %(source_id)s, %(remote_address)s::inet, %(content_type)s, %(body)b, %(body_sha256)s,
       %(outcome)s, %(code)s, %(detail)s, signal_id, %(duration_ms)s
  FROM stored
