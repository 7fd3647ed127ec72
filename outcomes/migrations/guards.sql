-- What the database refuses whatever the code does: double execution, and rewriting what happened.

-- A recommendation answers a distribution.
ALTER TABLE recommendations ADD CONSTRAINT recommendations_answer_a_distribution
    FOREIGN KEY (experiment_id, engine) REFERENCES signal_distributions (experiment_id, engine);

-- Double execution has no row: a real trade is the executed engine's, in the role REAL that was revealed to it (R3.5).
ALTER TABLE real_trades
ADD COLUMN role varchar(6) GENERATED ALWAYS AS ('REAL') STORED,
ADD CONSTRAINT real_trades_by_the_executed_engine
    FOREIGN KEY (experiment_id, engine) REFERENCES execution_policy (experiment_id, executed_engine),
ADD CONSTRAINT real_trades_in_the_revealed_role
    FOREIGN KEY (experiment_id, engine, role) REFERENCES recommendations (experiment_id, engine, role);

-- A shadow trade is in the role SHADOW that was revealed to its engine.
ALTER TABLE shadow_trades
ADD COLUMN role varchar(6) GENERATED ALWAYS AS ('SHADOW') STORED,
ADD CONSTRAINT shadow_trades_in_the_revealed_role
    FOREIGN KEY (experiment_id, engine, role) REFERENCES recommendations (experiment_id, engine, role);

-- A directive copies exit time and conditions of the real exit (R4.2).
ALTER TABLE real_trades ADD CONSTRAINT real_trades_id_and_exit UNIQUE (trade_id, exit_time, conditions_hash);
ALTER TABLE exit_directives
ADD CONSTRAINT exit_directives_copy_the_real_exit
    FOREIGN KEY (real_trade_id, exit_time, conditions_hash)
    REFERENCES real_trades (trade_id, exit_time, conditions_hash),
ADD CONSTRAINT exit_directives_hash_is_of_the_conditions
    CHECK (conditions_hash = encode(sha256(convert_to(market_conditions::text, 'UTF8')), 'hex'));

-- The hash of a trade's conditions is the hash of what is stored; a shadow that follows stores none of its own.
ALTER TABLE real_trades ADD CONSTRAINT real_trades_hash_is_of_the_conditions CHECK (
    market_conditions IS NULL
    OR conditions_hash = encode(sha256(convert_to(market_conditions::text, 'UTF8')), 'hex')
);
ALTER TABLE shadow_trades ADD CONSTRAINT shadow_trades_hash_is_of_the_conditions CHECK (
    market_conditions IS NULL
    OR conditions_hash = encode(sha256(convert_to(market_conditions::text, 'UTF8')), 'hex')
);

-- What happened is kept: no update, no delete.
CREATE TRIGGER recommendations_append_only BEFORE UPDATE OR DELETE ON recommendations
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER real_outcomes_append_only BEFORE UPDATE OR DELETE ON real_outcomes
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shadow_outcomes_append_only BEFORE UPDATE OR DELETE ON shadow_outcomes
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER incidents_append_only BEFORE UPDATE OR DELETE ON incidents
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quotes_append_only BEFORE UPDATE OR DELETE ON quotes
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER real_trades_are_kept BEFORE DELETE ON real_trades
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shadow_trades_are_kept BEFORE DELETE ON shadow_trades
FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The entry of a trade never changes, and a closed trade is final.
CREATE FUNCTION refuse_trade_identity_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'trade % is closed once; its entry never changes', OLD.trade_id
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER real_trades_entry_is_fixed BEFORE UPDATE ON real_trades FOR EACH ROW
WHEN (OLD.status <> 'OPEN' OR (OLD.trade_id, OLD.experiment_id, OLD.engine, OLD.legs::text, OLD.quantity,
      OLD.multiplier, OLD.entry_price, OLD.entry_time, OLD.entry_fees, OLD.entry_provenance, OLD.request_hash,
      OLD.rules_hash, OLD.opened_at)
  IS DISTINCT FROM (NEW.trade_id, NEW.experiment_id, NEW.engine, NEW.legs::text, NEW.quantity,
      NEW.multiplier, NEW.entry_price, NEW.entry_time, NEW.entry_fees, NEW.entry_provenance, NEW.request_hash,
      NEW.rules_hash, NEW.opened_at))
EXECUTE FUNCTION refuse_trade_identity_change();
CREATE TRIGGER shadow_trades_entry_is_fixed BEFORE UPDATE ON shadow_trades FOR EACH ROW
WHEN (OLD.status <> 'OPEN' OR (OLD.trade_id, OLD.experiment_id, OLD.engine, OLD.legs::text, OLD.quantity,
      OLD.multiplier, OLD.entry_price, OLD.entry_time, OLD.entry_fees, OLD.entry_provenance, OLD.request_hash,
      OLD.rules_hash, OLD.opened_at)
  IS DISTINCT FROM (NEW.trade_id, NEW.experiment_id, NEW.engine, NEW.legs::text, NEW.quantity,
      NEW.multiplier, NEW.entry_price, NEW.entry_time, NEW.entry_fees, NEW.entry_provenance, NEW.request_hash,
      NEW.rules_hash, NEW.opened_at))
EXECUTE FUNCTION refuse_trade_identity_change();
