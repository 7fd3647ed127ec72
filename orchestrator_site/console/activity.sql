-- Requests and decisions of each of the last 60 minutes, by the minute in which they came; milliseconds from a signal's
-- arrival to its decision, NULL in a minute without one. Bounded by the indexes on received_at.
WITH minutes AS (
    SELECT generate_series(date_trunc('minute', statement_timestamp()) - interval '59 minutes', date_trunc('minute', statement_timestamp()),
                           interval '1 minute') AS minute
), came AS (
    SELECT date_trunc('minute', received_at) AS minute,
           count(*) FILTER (WHERE outcome = 'accepted') AS accepted,
           count(*) FILTER (WHERE outcome IN ('duplicate', 'recorded')) AS kept,
           count(*) FILTER (WHERE outcome IN ('rejected', 'conflict')) AS refused
      FROM webhook_deliveries
     WHERE received_at >= date_trunc('minute', statement_timestamp()) - interval '59 minutes' GROUP BY 1
), decided AS (
    SELECT date_trunc('minute', received_at) AS minute,
           percentile_cont(ARRAY[0.5, 0.95]::float8[])
               WITHIN GROUP (ORDER BY extract(epoch FROM processed_at - received_at)::float8 * 1000) AS milliseconds
      FROM signals
     WHERE received_at >= date_trunc('minute', statement_timestamp()) - interval '59 minutes' AND processed_at IS NOT NULL GROUP BY 1
)
SELECT to_char(minute AT TIME ZONE 'UTC', 'HH24:MI'), coalesce(accepted, 0), coalesce(kept, 0), coalesce(refused, 0),
       milliseconds[1], milliseconds[2]
  FROM minutes LEFT JOIN came USING (minute) LEFT JOIN decided USING (minute) ORDER BY minute
