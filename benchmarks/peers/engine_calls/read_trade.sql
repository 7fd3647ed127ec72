-- The real trade with its fills, and the shadow that follows it with its own; locked until the commit.
SELECT r.experiment_id, r.engine, r.quantity, r.multiplier, r.entry_price, r.entry_fees, r.risk_amount, r.currency,
       s.trade_id AS shadow_id, s.engine AS shadow_engine, s.quantity AS shadow_quantity,
       s.entry_price AS shadow_price, s.multiplier AS shadow_multiplier, s.entry_fees AS shadow_fees,
       s.risk_amount AS shadow_risk,
       (SELECT json_agg(f ORDER BY number) FROM trade_fills f WHERE f.real_trade_id = r.trade_id)::text AS fills,
       (SELECT json_agg(f ORDER BY number) FROM trade_fills f WHERE f.shadow_trade_id = s.trade_id)::text AS shadow_fills
  FROM real_trades r LEFT JOIN shadow_trades s USING (experiment_id)
 WHERE r.trade_id = $1 AND r.engine = $2 FOR UPDATE OF r
