-- A delivery that created no signal, unless the source was changed after the alert was judged by it.
INSERT INTO webhook_deliveries (received_at, source_id, remote_address, content_type, body, body_sha256, outcome, code,
                                detail, signal_id, alert_time, duration_ms)
SELECT %(received_at)s, %(source_id)s, %(remote_address)s::inet, %(content_type)s, %(body)b, %(body_sha256)s,
       %(outcome)s, %(code)s, %(detail)s, %(signal_id)s::uuid, %(alert_time)s::timestamptz, %(duration_ms)s
 WHERE EXISTS (SELECT FROM webhook_sources WHERE id = %(source_id)s AND xmin = %(source_version)s::xid)
