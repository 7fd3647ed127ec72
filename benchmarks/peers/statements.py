"""What every receiver stores of one alert: the signal and its delivery."""

INSERT_SIGNAL = """
INSERT INTO signals (signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id,
                     signal_hash, raw_payload, received_at, consumed_fields, status, attempts, last_error)
VALUES (%s, %s, '', %s, %s, %s, %s, %s, '', %s, %s, %s,
        '{direction,strategy,symbol,timeframe,timestamp}', 'PENDING', 0, '')
ON CONFLICT (signal_id) DO NOTHING
"""
INSERT_DELIVERY = """
INSERT INTO webhook_deliveries (received_at, source_id, remote_address, content_type, body, body_sha256, outcome, code,
                                detail, signal_id, duration_ms)
VALUES (%s, (SELECT id FROM webhook_sources WHERE slug = %s), %s, %s, %s, %s, 'accepted', '', '', %s, 0)
"""


def numbered(statement: str) -> str:
    """The statement with $1, $2, ... in place of %s."""
    first, *rest = statement.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
