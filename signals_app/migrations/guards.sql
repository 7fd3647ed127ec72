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
