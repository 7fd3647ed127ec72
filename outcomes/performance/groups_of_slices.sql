-- Pairs added up by what their slices say. {{cells}} are sums of whole days by full slice, {{grouped}} the groups of the
-- rows beside them (see groups.sql).
SELECT 'paired' AS kind, '' AS engine, field, value, {names}
  FROM (SELECT slice_id, {sums} FROM ({cells}) cells GROUP BY slice_id) sliced
  JOIN report_slices s USING (slice_id)
 CROSS JOIN LATERAL (VALUES ('symbol', s.symbol), ('timeframe', s.timeframe), ('direction', s.direction),
                            ('hour', lpad(s.hour::text, 2, '0')), ('provenance', s.provenance)) groups (field, value)
UNION ALL
SELECT * FROM ({grouped}) grouped WHERE field <> 'spread'
