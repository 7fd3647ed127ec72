-- The sums of a whole month, of the cells of its days: of all slices together and of those by one filter. {{courses}} is
-- the largest fall of each within the month (see drawdown.sql), over what stands here as `days`.
WITH days AS MATERIALIZED (
    SELECT slice_id, day, kind, engine, currency, peak, trough, fall, {names}
      FROM report_cells LEFT JOIN report_slices USING (slice_id)
     WHERE day >= %(month)s AND day < %(month)s::date + interval '1 month'
       AND (slice_id IS NULL OR level NOT IN ('broad', 'full'))
),
sums AS (
    SELECT slice_id, kind, engine, currency, {sums}, count(*) FILTER (WHERE n > 0) AS active_days,
           coalesce(sum(total * total), 0) AS squared_days
      FROM days GROUP BY slice_id, kind, engine, currency
)
INSERT INTO report_months (slice_id, day, kind, engine, currency, {names}, active_days, squared_days, peak, trough, fall)
SELECT sums.slice_id, %(month)s, sums.kind, sums.engine, sums.currency, {names}, active_days, squared_days, peak, trough,
       max_drawdown
  FROM sums
  LEFT JOIN ({courses}) courses
    ON courses.slice_id IS NOT DISTINCT FROM sums.slice_id AND courses.kind = sums.kind
   AND courses.engine = sums.engine AND courses.currency = sums.currency
