-- Close both trades and record their outcomes.
WITH closed AS (
    UPDATE real_trades SET status = 'CLOSED', exit_price = $2::numeric, exit_time = $3::timestamptz, exit_fees = $4::numeric, exit_reason = $5,
                           exit_provenance = 'BROKER_FILL', conditions_hash = $6::text, closed_at = now(),
                           prices_checked_at = now()
     WHERE trade_id = $1 RETURNING *
), followed AS (
    UPDATE shadow_trades SET status = 'CLOSED', exit_price = $8::numeric, exit_time = $3::timestamptz, exit_fees = $4::numeric,
                             exit_reason = 'SYNCHRONISED', exit_provenance = 'SAME_SNAPSHOT_QUOTE',
                             conditions_hash = $6::text, closed_at = now()
     WHERE trade_id = $7 RETURNING *
), outcome AS (
    INSERT INTO real_outcomes (trade_id, experiment_id, engine, revision, entry_price, exit_price, gross_pnl, pnl, fees,
                               scheduled_fees, compared_pnl, risk_amount, currency, exit_reason, price_provenance,
                               exit_time, conditions_hash, recorded_at, withdrawn)
    SELECT trade_id, experiment_id, engine, 1, entry_price, exit_price, $9::numeric, $9::numeric - $10::numeric, $10::numeric, $10::numeric, $9::numeric - $10::numeric,
           risk_amount, currency, exit_reason, exit_provenance, exit_time, conditions_hash, now(), false FROM closed
)
INSERT INTO shadow_outcomes (trade_id, experiment_id, engine, revision, entry_price, exit_price, gross_pnl, pnl, fees,
                             scheduled_fees, compared_pnl, risk_amount, currency, exit_reason, price_provenance,
                             exit_time, conditions_hash, recorded_at, withdrawn)
SELECT trade_id, experiment_id, engine, 1, entry_price, exit_price, $11::numeric, $11::numeric - $12::numeric, $12::numeric, $12::numeric, $11::numeric - $12::numeric,
       risk_amount, currency, exit_reason, exit_provenance, exit_time, conditions_hash, now(), false FROM followed
