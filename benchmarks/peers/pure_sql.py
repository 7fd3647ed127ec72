"""The least work there is: one SQL statement per batch that computes and writes the same rows.

No Python per signal, no log, no check of the signal's own hash; the database's constraints hold for
it as for everybody.
"""

from __future__ import annotations

from benchmarks.database import Connection

BATCH_SIZE = 500
STATEMENT = """
WITH policy AS (
    SELECT p.version, p.split_percentage, p.max_market_data_age_seconds AS max_age
      FROM policy_versions p ORDER BY version DESC LIMIT 1
), ruling AS (
    SELECT variant, version, split_percentage, inputs,
           encode(sha256(convert_to(
               '{"decision":{"executed_engine":"A","execution_mode":"ENGINE_A_PRIMARY","reason":"PAPER_DEFAULT",'
               '"shadow_engine":"B"},"inputs":' || inputs || ',"rules_version":1}', 'UTF8')), 'hex') AS decision_hash
      FROM policy, (VALUES ('A'), ('B')) AS v (variant), LATERAL (
        SELECT '{"app_mode":"PAPER","configured_mode":"AUTO","engine_a_available":true,"engine_b_available":true,'
               '"halted":false,"live_enabled":false,"policy_version":' || version || ',"split_percentage":"'
               || split_percentage || '","variant":"' || variant || '"}' AS inputs) AS i
), claimed AS (
    DELETE FROM waiting_signals WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM waiting_signals WHERE NOT is_retry ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED))
    RETURNING signal_id
), taken AS MATERIALIZED (
    SELECT signal_id, symbol, exchange, direction, timeframe, timestamp, signal_hash, raw_payload
      FROM signals JOIN claimed USING (signal_id)
), computed AS MATERIALIZED (
    SELECT t.signal_id, t.signal_hash, gen_random_uuid() AS experiment_id,
           sha256(int4send(26) || convert_to('orchestrator/assignment/v2', 'UTF8') || int4send(36)
                  || convert_to(t.signal_id::text, 'UTF8') || int4send(32) || decode(t.signal_hash, 'hex')
                  || int4send(32) || decode(repeat('00', 32), 'hex')) AS digest,
           json_build_object(
               'context_version', 1,
               'indicators', t.raw_payload
                   - '{symbol,direction,timeframe,timestamp,strategy,open,high,low,close,volume}'::text[],
               'market_data', m.data,
               'prices', jsonb_build_object('open', t.raw_payload ->> 'open', 'high', t.raw_payload ->> 'high',
                                            'low', t.raw_payload ->> 'low', 'close', t.raw_payload ->> 'close'),
               'signal', jsonb_build_object('signal_id', t.signal_id, 'symbol', t.symbol, 'exchange', t.exchange,
                                            'direction', t.direction, 'timeframe', t.timeframe,
                                            'timestamp', t.timestamp, 'signal_hash', t.signal_hash),
               'volume', t.raw_payload ->> 'volume')::text AS context
      FROM taken t CROSS JOIN policy LEFT JOIN LATERAL (
        SELECT data FROM market_data WHERE symbol = t.symbol AND as_of <= t.timestamp
           AND as_of >= t.timestamp - make_interval(secs => policy.max_age)
         ORDER BY as_of DESC, source LIMIT 1) AS m ON true
), hashed AS MATERIALIZED (
    SELECT c.*, encode(digest, 'hex') AS assignment_hash,
           encode(sha256(convert_to(context, 'UTF8')), 'hex') AS context_hash,
           (((get_byte(digest, 0)::bigint << 40) + (get_byte(digest, 1)::bigint << 32)
             + (get_byte(digest, 2)::bigint << 24) + (get_byte(digest, 3)::bigint << 16)
             + (get_byte(digest, 4)::bigint << 8) + get_byte(digest, 5)) * 10000) >> 48 AS bucket
      FROM computed c
), batch AS MATERIALIZED (
    SELECT h.*, r.* FROM hashed h CROSS JOIN policy p
      JOIN ruling r ON r.variant = CASE WHEN h.bucket < (p.split_percentage * 100)::int THEN 'A' ELSE 'B' END
), contexts AS (
    INSERT INTO market_contexts (signal_id, context, context_hash, created_at)
    SELECT signal_id, context::json, context_hash, now() FROM batch
), experiments_made AS (
    INSERT INTO experiments (experiment_id, signal_id, signal_hash, variant, assignment_hash, assignment_key_id,
                             bucket, split_percentage, policy_version, created_at)
    SELECT experiment_id, signal_id, signal_hash, variant, assignment_hash, '66687aadf862bd77', bucket,
           split_percentage, version, now()
      FROM batch
), decisions AS (
    INSERT INTO execution_policy (experiment_id, execution_mode, executed_engine, shadow_engine, reason,
                                  policy_version, rules_version, inputs, decision_hash, decided_at)
    SELECT experiment_id, 'ENGINE_A_PRIMARY', 'A', 'B', 'PAPER_DEFAULT', version, 1, inputs::json, decision_hash, now()
      FROM batch
), distributions AS (
    INSERT INTO signal_distributions (experiment_id, engine, context_hash, distributed_at)
    SELECT experiment_id, engine, context_hash, now() FROM batch CROSS JOIN (VALUES ('A'), ('B')) AS e (engine)
)
UPDATE signals SET status = 'PROCESSED', processing_lock = gen_random_uuid(), processed_at = now()
  FROM batch WHERE signals.signal_id = batch.signal_id
"""


def process_all(connection: Connection) -> int:
    """Process batches until no signal waits; return how many there were."""
    done = 0
    while count := connection.execute(STATEMENT.encode(), prepare=True).rowcount:
        done += count
    return done
