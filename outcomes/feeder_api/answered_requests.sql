-- Replayed moments that a feeder has quoted.
SELECT DISTINCT q.instrument, q.quote_time
  FROM unnest(%s::text[], %s::timestamptz[]) AS asked (instrument, moment)
  JOIN quotes q ON q.instrument = asked.instrument AND q.quote_time = asked.moment
