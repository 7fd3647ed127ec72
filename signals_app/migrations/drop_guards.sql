-- The reverse of guards.sql.
DROP TRIGGER missing_alerts_are_kept ON missing_alerts;
DROP TRIGGER missing_alerts_identity_is_fixed ON missing_alerts;
DROP FUNCTION refuse_change_of_missing_alert();
ALTER TABLE market_contexts DROP CONSTRAINT market_contexts_hash_is_of_the_context;
DROP TRIGGER market_contexts_append_only ON market_contexts;
DROP TRIGGER signals_discarded_is_final ON signals;
DROP FUNCTION refuse_change_of_discarded();
DROP TRIGGER signals_are_kept ON signals;
DROP TRIGGER signals_identity_is_fixed ON signals;
DROP FUNCTION refuse_identity_change();
