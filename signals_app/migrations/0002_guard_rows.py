"""Rules of the signals tables that Django's model options cannot say."""

from django.db import migrations

# One function for all append-only tables of all apps. The error class is an integrity violation, so
# that Django raises IntegrityError.
APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION refuse_identity_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the identity of signal % never changes', OLD.signal_id
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER signals_identity_is_fixed BEFORE UPDATE ON signals FOR EACH ROW
WHEN ((OLD.signal_id, OLD.source, OLD.exchange, OLD.symbol, OLD.direction, OLD.timeframe, OLD.timestamp,
       OLD.strategy, OLD.signal_hash, OLD.raw_payload, OLD.received_at)
  IS DISTINCT FROM
      (NEW.signal_id, NEW.source, NEW.exchange, NEW.symbol, NEW.direction, NEW.timeframe, NEW.timestamp,
       NEW.strategy, NEW.signal_hash, NEW.raw_payload, NEW.received_at))
EXECUTE FUNCTION refuse_identity_change();
CREATE TRIGGER signals_are_kept BEFORE DELETE ON signals FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER market_contexts_append_only BEFORE UPDATE OR DELETE ON market_contexts
FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE market_contexts ADD CONSTRAINT market_contexts_hash_is_of_the_context
CHECK (context_hash = encode(sha256(convert_to(context::text, 'UTF8')), 'hex'));
"""
UNDO = """
ALTER TABLE market_contexts DROP CONSTRAINT market_contexts_hash_is_of_the_context;
DROP TRIGGER market_contexts_append_only ON market_contexts;
DROP TRIGGER signals_are_kept ON signals;
DROP TRIGGER signals_identity_is_fixed ON signals;
DROP FUNCTION refuse_identity_change();
DROP FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("signals_app", "0001_initial")]
    operations = [migrations.RunSQL(APPEND_ONLY, UNDO)]
