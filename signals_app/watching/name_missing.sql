-- Name what is missing, once each: a second worker's row, or one from before a crash, is the same row.
INSERT INTO missing_alerts (kind, source, exchange, symbol, timeframe, strategy, expected_at, series, sequence, due_at)
SELECT kind, %(source)s, exchange, symbol, timeframe, strategy, expected_at, series, sequence, due_at
  FROM unnest(%(kind)s::text[], %(exchange)s::text[], %(symbol)s::text[], %(timeframe)s::text[], %(strategy)s::text[],
              %(expected_at)s::timestamptz[], %(series)s::int[], %(sequence)s::bigint[], %(due_at)s::timestamptz[])
    AS named (kind, exchange, symbol, timeframe, strategy, expected_at, series, sequence, due_at)
ON CONFLICT DO NOTHING
RETURNING kind, symbol, timeframe, expected_at, sequence, due_at
