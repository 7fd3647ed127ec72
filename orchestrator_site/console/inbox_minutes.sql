-- Deliveries of the 60 minutes up to a moment, minute by minute; bounded by the index on received_at.
WITH minutes AS (
    SELECT generate_series(date_trunc('minute', %(until)s::timestamptz) - interval '59 minutes',
                           date_trunc('minute', %(until)s::timestamptz), interval '1 minute') AS minute
), came AS (
    SELECT date_trunc('minute', received_at) AS minute, outcome, count(*) AS number
      FROM webhook_deliveries
     WHERE received_at >= date_trunc('minute', %(until)s::timestamptz) - interval '59 minutes'
       AND received_at < %(until)s::timestamptz
     GROUP BY 1, 2
)
SELECT to_char(minute AT TIME ZONE 'UTC', 'HH24:MI'),
       coalesce(sum(number) FILTER (WHERE outcome = 'accepted'), 0)::int,
       coalesce(sum(number) FILTER (WHERE outcome = 'duplicate'), 0)::int,
       coalesce(sum(number) FILTER (WHERE outcome = 'recorded'), 0)::int,
       coalesce(sum(number) FILTER (WHERE outcome = 'conflict'), 0)::int,
       coalesce(sum(number) FILTER (WHERE outcome = 'rejected'), 0)::int
  FROM minutes LEFT JOIN came USING (minute) GROUP BY minute ORDER BY minute
