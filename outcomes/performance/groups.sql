-- Pairs added up by symbol, timeframe, direction, hour of the signal in New York and provenance, and the trades of each
-- engine, real and shadow apart, by how wide the quotes were at which they were entered. {{counted}} are closed trades and
-- pairs; {{day}} is their day, or NULL where all days are one.
WITH counted AS MATERIALIZED ({counted}),
-- First by everything at once: few rows are left, and each of them is in five groups.
alike AS (
    SELECT {day} AS day, currency, s.symbol, s.timeframe, s.direction, price_provenance,
           extract(hour FROM s.timestamp AT TIME ZONE 'America/New_York') AS hour, {measures}
      FROM counted JOIN experiments USING (experiment_id) JOIN signals s USING (signal_id)
     WHERE kind = 'paired' AND p IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6, 7
),
entered AS (
    SELECT kind, engine, {day} AS day, currency, p, counted_r, spread.level
      FROM counted
     CROSS JOIN LATERAL (
           SELECT entry_quotes FROM real_trades t WHERE t.trade_id = counted.id AND kind = 'real'
           UNION ALL SELECT entry_quotes FROM shadow_trades t WHERE t.trade_id = counted.id AND kind = 'shadow') trade
     CROSS JOIN LATERAL (
           -- The spread of all quotes together over the sum of their middles; NULL where the engine named none.
           SELECT width_bucket(2 * sum(ask - bid) / nullif(sum(ask + bid), 0), ARRAY[0.01, 0.02, 0.05, 0.1]) AS level
             FROM (SELECT (quote ->> 'bid')::numeric AS bid, (quote ->> 'ask')::numeric AS ask
                     FROM json_each(entry_quotes) AS named (instrument, quote)
                    WHERE quote ->> 'bid' ~ '^[0-9]+(\.[0-9]+)?$' AND quote ->> 'ask' ~ '^[0-9]+(\.[0-9]+)?$') quoted) spread
     WHERE kind IN ('real', 'shadow') AND p IS NOT NULL
)
SELECT 'paired' AS kind, '' AS engine, day, currency, field, value, {sums}
  FROM alike
 CROSS JOIN LATERAL (VALUES ('symbol', symbol), ('timeframe', timeframe), ('direction', direction),
                            ('hour', lpad(hour::text, 2, '0')), ('provenance', price_provenance)) groups (field, value)
 GROUP BY day, currency, field, value
UNION ALL
SELECT kind, engine, day, currency, 'spread', coalesce(level::text, ''), {measures}
  FROM entered GROUP BY kind, engine, day, currency, level
