-- What came in with a signal stays as it was; only its processing moves on.
CREATE FUNCTION refuse_identity_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the identity of signal % never changes', OLD.signal_id
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER signals_identity_is_fixed BEFORE UPDATE ON signals FOR EACH ROW
WHEN ((OLD.signal_id, OLD.source, OLD.exchange, OLD.symbol, OLD.direction, OLD.timeframe, OLD.timestamp,
       OLD.strategy, OLD.order_id, OLD.signal_hash, OLD.raw_payload, OLD.consumed_fields, OLD.replayed, OLD.received_at)
  IS DISTINCT FROM
      (NEW.signal_id, NEW.source, NEW.exchange, NEW.symbol, NEW.direction, NEW.timeframe, NEW.timestamp,
       NEW.strategy, NEW.order_id, NEW.signal_hash, NEW.raw_payload, NEW.consumed_fields, NEW.replayed, NEW.received_at))
EXECUTE FUNCTION refuse_identity_change();

-- Signals are never deleted.
CREATE TRIGGER signals_are_kept BEFORE DELETE ON signals FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The row of a discarded signal never changes again.
CREATE FUNCTION refuse_change_of_discarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'signal % is discarded: % is refused', OLD.signal_id, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER signals_discarded_is_final BEFORE UPDATE ON signals FOR EACH ROW
WHEN (OLD.discarded_at IS NOT NULL) EXECUTE FUNCTION refuse_change_of_discarded();

-- Both engines rely on the context as it was frozen, and on its hash.
CREATE TRIGGER market_contexts_append_only BEFORE UPDATE OR DELETE ON market_contexts
FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE market_contexts ADD CONSTRAINT market_contexts_hash_is_of_the_context
CHECK (context_hash = encode(sha256(convert_to(context::text, 'UTF8')), 'hex'));

-- What was expected stays as it was named; only what came late is added, once.
CREATE FUNCTION refuse_change_of_missing_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was expected of missing alert % never changes: % is refused', OLD.id, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER missing_alerts_identity_is_fixed BEFORE UPDATE ON missing_alerts FOR EACH ROW
WHEN (OLD.resolved_at IS NOT NULL
      OR (OLD.id, OLD.kind, OLD.source, OLD.exchange, OLD.symbol, OLD.timeframe, OLD.strategy, OLD.expected_at,
          OLD.series, OLD.sequence, OLD.due_at, OLD.noticed_at)
  IS DISTINCT FROM
         (NEW.id, NEW.kind, NEW.source, NEW.exchange, NEW.symbol, NEW.timeframe, NEW.strategy, NEW.expected_at,
          NEW.series, NEW.sequence, NEW.due_at, NEW.noticed_at))
EXECUTE FUNCTION refuse_change_of_missing_alert();
CREATE TRIGGER missing_alerts_are_kept BEFORE DELETE ON missing_alerts
FOR EACH ROW EXECUTE FUNCTION refuse_change();
