-- How wide the quotes were at which a trade was entered, by its `entry_quotes`: the level of the spread of all quotes
-- together over the sum of their middles; NULL where the engine named none.
SELECT width_bucket(2 * sum(ask - bid) / nullif(sum(ask + bid), 0), ARRAY[0.01, 0.02, 0.05, 0.1]) AS level
  FROM (SELECT (quote ->> 'bid')::numeric AS bid, (quote ->> 'ask')::numeric AS ask
          FROM json_each(entry_quotes) AS named (instrument, quote)
         WHERE quote ->> 'bid' ~ '^[0-9]+(\.[0-9]+)?$' AND quote ->> 'ask' ~ '^[0-9]+(\.[0-9]+)?$') quoted
