-- Store a feeder's quotes: all but crossed ones or, where one lies ahead of the clock, none. What this feeder has said
-- about an instrument and instant before stands. In one order, so that two requests that share quotes cannot deadlock.
-- Conflicting is what says another bid or ask than the quote that stands, which was stored before or comes first in this
-- request; what another request stores at the same moment is not seen, and counts as repeated.
WITH sent AS (
    SELECT * FROM unnest(
        %(instruments)s::text[], %(bids)s::numeric[], %(asks)s::numeric[],
        %(quote_times)s::timestamptz[], %(changed_at)s::timestamptz[]
    ) WITH ORDINALITY AS q (instrument, bid, ask, quote_time, changed_at, ordinal)
), ahead AS (
    SELECT min(ordinal) AS ordinal FROM sent WHERE quote_time > statement_timestamp() + make_interval(secs => %(skew)s)
), fit AS (
    SELECT *, first_value(bid) OVER same AS first_bid, first_value(ask) OVER same AS first_ask
      FROM sent WHERE ask = 0 OR bid <= ask
    WINDOW same AS (PARTITION BY instrument, quote_time ORDER BY ordinal)
), stored AS (
    INSERT INTO quotes (instrument, bid, ask, quote_time, changed_at, source, received_at)
    SELECT instrument, bid, ask, quote_time, changed_at, %(source)s, statement_timestamp() FROM fit
     WHERE (SELECT ordinal FROM ahead) IS NULL
     ORDER BY instrument, quote_time, ordinal
        ON CONFLICT DO NOTHING
    RETURNING 1
), conflicting AS (
    SELECT 1 FROM fit
      LEFT JOIN LATERAL (
           -- One look at the index for each: joined, the planner might read all quotes.
           SELECT bid, ask FROM quotes q
            WHERE q.instrument = fit.instrument AND q.quote_time = fit.quote_time AND q.source = %(source)s
            LIMIT 1
      ) said ON true
     -- Nothing is looked up where all are new.
     WHERE (SELECT count(*) FROM stored) < (SELECT count(*) FROM fit)
       AND (fit.bid, fit.ask) <> (coalesce(said.bid, first_bid), coalesce(said.ask, first_ask))
)
SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM conflicting),
       (SELECT count(*) FROM sent WHERE bid > ask AND ask > 0), (SELECT ordinal FROM ahead)
