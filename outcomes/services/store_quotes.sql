-- Store a feeder's quotes: all but crossed ones or, where one lies ahead of the clock, none. What this feeder has said
-- about an instrument and instant before stands. In one order, so that two requests that share quotes cannot deadlock.
WITH sent AS (
    SELECT * FROM unnest(
        %(instruments)s::text[], %(bids)s::numeric[], %(asks)s::numeric[],
        %(quote_times)s::timestamptz[], %(changed_at)s::timestamptz[]
    ) WITH ORDINALITY AS q (instrument, bid, ask, quote_time, changed_at, ordinal)
), ahead AS (
    SELECT min(ordinal) AS ordinal FROM sent WHERE quote_time > statement_timestamp() + make_interval(secs => %(skew)s)
), stored AS (
    INSERT INTO quotes (instrument, bid, ask, quote_time, changed_at, source, received_at)
    SELECT instrument, bid, ask, quote_time, changed_at, %(source)s, statement_timestamp() FROM sent
     WHERE (SELECT ordinal FROM ahead) IS NULL AND (ask = 0 OR bid <= ask)
     ORDER BY instrument, quote_time, ordinal
        ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM sent WHERE bid > ask AND ask > 0), (SELECT ordinal FROM ahead)
