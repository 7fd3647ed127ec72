-- Store the trade and its first fill, in the role that was revealed.
WITH trade AS (
    INSERT INTO /* kind */_trades (trade_id, experiment_id, engine, legs, quantity, multiplier, currency, declared_risk,
                                   entry_quotes, entry_time, entry_fees, claimed_provenance, request_hash, opened_at,
                                   status, flags, entry_price, entry_provenance, risk_amount, exit_reason,
                                   exit_provenance, conditions_hash, revision)
    SELECT $1::uuid, $2::uuid, $3::text, $4, $5::numeric, $6::numeric, r.plan ->> 'currency',
           (r.plan ->> 'risk_amount')::numeric, $7, $8::timestamptz, $9::numeric, $10::text, $11::text,
           now(), 'OPEN', '[]', $12::numeric, $10::text, $12::numeric * $5::numeric * $6::numeric, '', '',
           '', 1
      FROM recommendations r WHERE r.experiment_id = $2::uuid AND r.engine = $3::text
    RETURNING *
), fill AS (
    INSERT INTO trade_fills (/* kind */_trade_id, experiment_id, engine, number, fill_ref, time, legs, fees,
                             scheduled_fees, reason, price_provenance, market_conditions, conditions_hash, reported_at,
                             request_hash, revision, is_succession)
    SELECT $1::uuid, $2::uuid, $3::text, 1, 'entry', $8::timestamptz, $13, $9::numeric, $9::numeric, '', $10::text, '{}',
           '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', now(), $11::text, 1, false
      FROM trade
)
SELECT trade_id, opened_at, currency, risk_amount, status FROM trade
