-- What had been named as missing and has come all the same, each by the first alert that is it. The alert of a number
-- fired before a higher one came, and so before that was due; a later one with the same number is of another count.
UPDATE missing_alerts m
   SET resolved_at = greatest(a.received_at, m.noticed_at), delivery_id = a.delivery_id,
       delivery_received_at = a.received_at
  FROM (SELECT DISTINCT ON (missing.id) missing.id, arrival.received_at, arrival.delivery_id
          FROM missing_alerts missing
          JOIN alert_arrivals arrival ON arrival.delivery_id = ANY(%(deliveries)s)
          JOIN alert_streams s ON s.id = arrival.stream_id
         WHERE missing.source = %(source)s AND missing.resolved_at IS NULL
           AND (missing.exchange, missing.symbol, missing.timeframe, missing.strategy)
             = (s.exchange, s.symbol, s.timeframe, s.strategy)
           AND CASE missing.kind WHEN 'bar' THEN missing.expected_at = arrival.bar_at
               ELSE missing.sequence = arrival.sequence
                    AND coalesce(arrival.fired_at, arrival.received_at) <= missing.due_at END
         ORDER BY missing.id, arrival.received_at) a
 WHERE m.id = a.id
RETURNING m.symbol, m.timeframe, m.expected_at, m.sequence, m.resolved_at
