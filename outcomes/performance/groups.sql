-- Pairs added up by symbol, timeframe, direction, hour of the signal in New York and provenance, and the trades of each
-- engine, real and shadow apart, by how wide the quotes were at which they were entered. {{counted}} are closed trades and
-- pairs; {{day}} is their day, or NULL where all days are one; {{spread}} is how wide (see spread.sql).
WITH counted AS MATERIALIZED ({counted}),
-- First by everything at once: few rows are left, and each of them is in five groups.
alike AS (
    SELECT {day} AS day, currency, symbol, timeframe, direction, price_provenance, hour, {measures}
      FROM (SELECT counted.*, s.symbol, s.timeframe, s.direction,
                   extract(hour FROM s.timestamp AT TIME ZONE 'America/New_York') AS hour
              FROM counted JOIN experiments USING (experiment_id) JOIN signals s USING (signal_id)
            UNION ALL
            SELECT counted.*, e.symbol, e.timeframe, e.direction, e.hour
              FROM counted JOIN archived_experiments e USING (experiment_id)) told
     WHERE kind = 'paired' AND p IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6, 7
),
entered AS (
    SELECT kind, engine, {day} AS day, currency, p, counted_r, coalesce(trade.level, spread.level) AS level
      FROM counted
     CROSS JOIN LATERAL (
           SELECT entry_quotes, NULL::smallint AS level FROM real_trades t WHERE t.trade_id = counted.id AND kind = 'real'
           UNION ALL SELECT entry_quotes, NULL FROM shadow_trades t WHERE t.trade_id = counted.id AND kind = 'shadow'
           UNION ALL SELECT NULL, t.spread_level FROM archived_results t
            WHERE t.experiment_id = counted.experiment_id AND t.kind = counted.kind AND t.trade_id = counted.id) trade
     CROSS JOIN LATERAL ({spread}) spread
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
