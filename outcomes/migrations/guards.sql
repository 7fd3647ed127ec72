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

-- A permit is the executed engine's, in the role REAL that was revealed to it, until the time that it was told.
ALTER TABLE permits
ADD COLUMN role varchar(6) GENERATED ALWAYS AS ('REAL') STORED,
ADD CONSTRAINT permits_of_the_executed_engine
    FOREIGN KEY (experiment_id, engine) REFERENCES execution_policy (experiment_id, executed_engine),
ADD CONSTRAINT permits_in_the_revealed_role
    FOREIGN KEY (experiment_id, engine, role) REFERENCES recommendations (experiment_id, engine, role);

-- A shadow trade is in the role SHADOW that was revealed to its engine.
ALTER TABLE shadow_trades
ADD COLUMN role varchar(6) GENERATED ALWAYS AS ('SHADOW') STORED,
ADD CONSTRAINT shadow_trades_in_the_revealed_role
    FOREIGN KEY (experiment_id, engine, role) REFERENCES recommendations (experiment_id, engine, role);

-- Fills belong to the trade they name, in its experiment and of its engine.
ALTER TABLE real_trades ADD CONSTRAINT real_trades_id_experiment_engine UNIQUE (trade_id, experiment_id, engine);
ALTER TABLE shadow_trades ADD CONSTRAINT shadow_trades_id_experiment_engine UNIQUE (trade_id, experiment_id, engine);
ALTER TABLE trade_fills
ADD CONSTRAINT trade_fills_of_their_real_trade
    FOREIGN KEY (real_trade_id, experiment_id, engine) REFERENCES real_trades (trade_id, experiment_id, engine),
ADD CONSTRAINT trade_fills_of_their_shadow_trade
    FOREIGN KEY (shadow_trade_id, experiment_id, engine) REFERENCES shadow_trades (trade_id, experiment_id, engine),
ADD CONSTRAINT trade_fills_hash_is_of_the_conditions
    CHECK (conditions_hash = encode(sha256(convert_to(market_conditions::text, 'UTF8')), 'hex')),
ADD CONSTRAINT trade_fills_id_time_conditions UNIQUE (id, time, conditions_hash);
ALTER TABLE own_exits
ADD CONSTRAINT own_exits_of_their_trade
    FOREIGN KEY (trade_id, experiment_id, engine) REFERENCES shadow_trades (trade_id, experiment_id, engine),
ADD CONSTRAINT own_exits_hash_is_of_the_conditions
    CHECK (conditions_hash = encode(sha256(convert_to(market_conditions::text, 'UTF8')), 'hex'));

-- Amendments are of the trade they name, too.
ALTER TABLE trade_amendments
ADD CONSTRAINT trade_amendments_of_their_real_trade
    FOREIGN KEY (real_trade_id, experiment_id, engine) REFERENCES real_trades (trade_id, experiment_id, engine),
ADD CONSTRAINT trade_amendments_of_their_shadow_trade
    FOREIGN KEY (shadow_trade_id, experiment_id, engine) REFERENCES shadow_trades (trade_id, experiment_id, engine);

-- A directive copies time and conditions of the real fill that it follows (R4.2).
ALTER TABLE exit_directives
ADD CONSTRAINT exit_directives_copy_the_real_fill
    FOREIGN KEY (real_fill_id, exit_time, conditions_hash) REFERENCES trade_fills (id, time, conditions_hash),
ADD CONSTRAINT exit_directives_hash_is_of_the_conditions
    CHECK (conditions_hash = encode(sha256(convert_to(market_conditions::text, 'UTF8')), 'hex'));

-- The fills that count: of each reference the last revision, unless it is empty and so busted.
CREATE VIEW fills_in_force AS
SELECT f.* FROM trade_fills f
 WHERE json_array_length(f.legs) > 0 AND NOT EXISTS (
       SELECT FROM trade_fills later
        WHERE coalesce(later.real_trade_id, later.shadow_trade_id) = coalesce(f.real_trade_id, f.shadow_trade_id)
          AND later.fill_ref = f.fill_ref AND later.revision > f.revision AND later.revision > 1);

-- The results that count: of each trade the last revision, unless it withdraws the result.
CREATE VIEW latest_real_outcomes AS
SELECT o.* FROM real_outcomes o
 WHERE NOT o.withdrawn AND NOT EXISTS (
       SELECT FROM real_outcomes later
        WHERE later.trade_id = o.trade_id AND later.revision > o.revision AND later.revision > 1);
CREATE VIEW latest_shadow_outcomes AS
SELECT o.* FROM shadow_outcomes o
 WHERE NOT o.withdrawn AND NOT EXISTS (
       SELECT FROM shadow_outcomes later
        WHERE later.trade_id = o.trade_id AND later.revision > o.revision AND later.revision > 1);

-- What happened is kept: no update, no delete.
CREATE TRIGGER recommendations_append_only BEFORE UPDATE OR DELETE ON recommendations
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER real_outcomes_append_only BEFORE UPDATE OR DELETE ON real_outcomes
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shadow_outcomes_append_only BEFORE UPDATE OR DELETE ON shadow_outcomes
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER incidents_append_only BEFORE UPDATE OR DELETE ON incidents
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER incident_acknowledgements_append_only BEFORE UPDATE OR DELETE ON incident_acknowledgements
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quotes_append_only BEFORE UPDATE OR DELETE ON quotes
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trade_fills_append_only BEFORE UPDATE OR DELETE ON trade_fills
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER own_exits_are_kept BEFORE DELETE ON own_exits
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER real_trades_are_kept BEFORE DELETE ON real_trades
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shadow_trades_are_kept BEFORE DELETE ON shadow_trades
FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Of a permit only the confirmation moves, forward, until a real trade has used it, and never while trading is halted.
CREATE FUNCTION keep_permit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := ARRAY['role', 'confirmed_at'];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(OLD) - free <> to_jsonb(NEW) - free OR NEW.confirmed_at IS NULL
           OR NEW.confirmed_at < OLD.confirmed_at
           OR EXISTS (SELECT FROM real_trades WHERE experiment_id = OLD.experiment_id) THEN
            RAISE EXCEPTION 'permit % is only confirmed, until it is used', OLD.experiment_id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    IF EXISTS (SELECT FROM halts WHERE released_at IS NULL) THEN
        RAISE EXCEPTION 'no permit is given or confirmed while trading is halted'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER permits_only_confirmed BEFORE INSERT OR UPDATE ON permits FOR EACH ROW EXECUTE FUNCTION keep_permit();
CREATE TRIGGER permits_are_kept BEFORE DELETE ON permits FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The opening of a trade never changes, and a closed trade is final but for what is found out about it: its flags, and
-- that its prices were checked. Only an accepted amendment changes it once more, and may open it again.
-- Generated columns are not computed yet when a BEFORE trigger runs.
CREATE FUNCTION keep_trade() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_all text[] := ARRAY['role', 'flags', 'prices_checked_at'];
    while_open text[] := of_all || ARRAY['status', 'entry_due_at', 'entry_price', 'entry_provenance', 'risk_amount',
        'exit_price', 'exit_time', 'exit_fees', 'exit_reason', 'exit_provenance', 'conditions_hash', 'closed_at'];
    amended boolean := NEW.revision = OLD.revision + 1 AND OLD.revision = (
        SELECT count(*) FROM trade_amendments
         WHERE NEW.trade_id IN (real_trade_id, shadow_trade_id) AND state = 'ACCEPTED');
    free text[] := CASE WHEN amended THEN while_open || ARRAY['revision']
                        WHEN OLD.status IN ('CLOSED', 'UNPRICED') THEN of_all ELSE while_open END;
BEGIN
    IF to_jsonb(OLD) - free <> to_jsonb(NEW) - free THEN
        RAISE EXCEPTION 'trade % is closed once; its opening never changes', OLD.trade_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER real_trades_are_final BEFORE UPDATE ON real_trades FOR EACH ROW EXECUTE FUNCTION keep_trade();
CREATE TRIGGER shadow_trades_are_final BEFORE UPDATE ON shadow_trades FOR EACH ROW EXECUTE FUNCTION keep_trade();

-- A fill is revised by an accepted amendment of that very fill, and after a bust by what happened instead.
CREATE FUNCTION keep_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amendment_id IS NOT NULL AND EXISTS (
           SELECT FROM trade_amendments a
            WHERE a.id = NEW.amendment_id AND a.state = 'ACCEPTED' AND (a.fill_ref = NEW.fill_ref OR NEW.is_succession)
              AND (a.real_trade_id = NEW.real_trade_id OR a.shadow_trade_id = NEW.shadow_trade_id))
       OR NEW.amendment_id IS NULL AND EXISTS (
           SELECT FROM trade_fills f
            WHERE f.real_trade_id = NEW.real_trade_id AND f.fill_ref = NEW.fill_ref
              AND f.revision = NEW.revision - 1 AND json_array_length(f.legs) = 0) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'fill % is revised by an accepted amendment only', NEW.fill_ref
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER trade_fills_are_revised_by_amendments BEFORE INSERT ON trade_fills
FOR EACH ROW WHEN (NEW.revision > 1 OR NEW.amendment_id IS NOT NULL) EXECUTE FUNCTION keep_fill();

-- A proposal never changes, and is decided once.
CREATE FUNCTION keep_amendment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decision text[] := ARRAY['state', 'decided_by', 'decided_at', 'decision_reason'];
BEGIN
    IF OLD.state <> 'PROPOSED' OR to_jsonb(OLD) - decision <> to_jsonb(NEW) - decision THEN
        RAISE EXCEPTION 'amendment % is decided once; its proposal never changes', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trade_amendments_are_decided_once BEFORE UPDATE ON trade_amendments
FOR EACH ROW EXECUTE FUNCTION keep_amendment();
CREATE TRIGGER trade_amendments_are_kept BEFORE DELETE ON trade_amendments
FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- An evaluation is fixed before its data exist; what was approved is what was written, and only that can run.
CREATE TRIGGER evaluations_append_only BEFORE UPDATE OR DELETE ON evaluations
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evaluation_approvals_append_only BEFORE UPDATE OR DELETE ON evaluation_approvals
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evaluation_blocks_append_only BEFORE UPDATE OR DELETE ON evaluation_blocks
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evaluation_runs_are_kept BEFORE DELETE ON evaluation_runs
FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE evaluations ADD CONSTRAINT evaluations_id_content UNIQUE (id, content_hash);
ALTER TABLE evaluation_approvals ADD CONSTRAINT evaluation_approvals_of_the_content
    FOREIGN KEY (evaluation_id, content_hash) REFERENCES evaluations (id, content_hash);
ALTER TABLE evaluation_runs ADD CONSTRAINT evaluation_runs_are_approved
    FOREIGN KEY (evaluation_id) REFERENCES evaluation_approvals (evaluation_id);
ALTER TABLE evaluation_blocks ADD CONSTRAINT evaluation_blocks_of_a_run
    FOREIGN KEY (evaluation_id) REFERENCES evaluation_runs (evaluation_id);

-- Two pairs of eyes: nobody approves what he wrote himself.
CREATE FUNCTION refuse_own_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM evaluations WHERE id = NEW.evaluation_id AND created_by = NEW.approved_by) THEN
        RAISE EXCEPTION 'evaluation % is approved by its author', NEW.evaluation_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER evaluation_approvals_by_another BEFORE INSERT ON evaluation_approvals
FOR EACH ROW EXECUTE FUNCTION refuse_own_approval();

-- A run ends once, and is concluded once; the phase that it is pinned to never changes.
CREATE FUNCTION keep_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := CASE WHEN OLD.state = 'RUNNING' THEN ARRAY['state', 'ended_at', 'ended_because', 'concluded_at']
                        WHEN OLD.concluded_at IS NULL THEN ARRAY['concluded_at'] ELSE ARRAY[]::text[] END;
BEGIN
    IF to_jsonb(OLD) - free <> to_jsonb(NEW) - free THEN
        RAISE EXCEPTION 'the run of evaluation % ends once', OLD.evaluation_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER evaluation_runs_end_once BEFORE UPDATE ON evaluation_runs FOR EACH ROW EXECUTE FUNCTION keep_run();
