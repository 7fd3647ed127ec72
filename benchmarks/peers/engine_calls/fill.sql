-- Store a closing fill of the real trade, the directive that follows from it, and the shadow's share.
WITH fill AS (
    INSERT INTO trade_fills (real_trade_id, experiment_id, engine, number, fill_ref, time, legs, fees, scheduled_fees,
                             reason, price_provenance, market_conditions, conditions_hash, reported_at, request_hash,
                             revision, is_succession)
    VALUES ($1::uuid, $2, $3, $4::int, $5, $6, $7, $8::numeric, $8::numeric, $9, 'BROKER_FILL', $10::json, $11::text, now(), $12::text, 1, false) RETURNING *
), directive AS (
    INSERT INTO exit_directives (experiment_id, real_trade_id, real_fill_id, number, closed_quantity, open_quantity,
                                 is_last, shadow_engine, shadow_trade_id, closing_legs, exit_time, market_conditions,
                                 conditions_hash, quote_flags, state, issued_at, due_at, expires_at, settled_at,
                                 request_hash)
    SELECT experiment_id, $1::uuid, id, number - 1, $13, $14, $15, $16::text, $17::uuid, $18::json, time, market_conditions, conditions_hash,
           '{}', 'DONE', now(), now(), now() + interval '10 minutes', now(), ''
      FROM fill
)
INSERT INTO trade_fills (shadow_trade_id, experiment_id, engine, number, fill_ref, time, legs, fees, scheduled_fees,
                         reason, price_provenance, market_conditions, conditions_hash, reported_at, request_hash,
                             revision, is_succession)
SELECT $17::uuid, experiment_id, $16::text, $4::int, 'directive-' || (number - 1), time, $18::json, $8::numeric, $8::numeric, 'SYNCHRONISED',
       'SAME_SNAPSHOT_QUOTE', market_conditions, conditions_hash, now(), '', 1, false
  FROM fill
