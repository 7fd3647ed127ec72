-- Whose rows lie at `places`, each a kind, an engine, a day and a P&L, and where they are asked for, whose have none that
-- counts. The cells of all slices know it, {{cells}} says which; others with the same P&L on the same day may be among them.
WITH places AS MATERIALIZED ({places}),
cells AS MATERIALIZED (
    SELECT kind, engine, day, ranked[:] AS ranked, ranked_experiments FROM report_cells
     WHERE slice_id IS NULL AND currency = %(currency)s AND {cells}
),
found AS (
    SELECT unnest(ranked_experiments[array_position(ranked, value):width_bucket(value, ranked)]) AS experiment_id
      FROM places JOIN cells USING (kind, engine, day)
    UNION SELECT unnest(ranked_experiments[coalesce(cardinality(ranked), 0) + 1:]) FROM cells WHERE {uncounted}
)
SELECT coalesce(array_agg(experiment_id), '{{}}') AS experiments FROM found
