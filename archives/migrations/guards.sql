-- What lets a row be deleted, and what keeps it: an archive that holds its very state, and a legal hold.

-- A row as text, in one form whatever the session's settings, and its SHA-256.
CREATE FUNCTION row_digest(one anyelement) RETURNS bytea LANGUAGE sql STABLE
SET "TimeZone" = 'UTC' SET "DateStyle" = 'ISO, MDY' SET bytea_output = 'hex' SET extra_float_digits = 1
AS $$ SELECT sha256(convert_to(one::text, 'UTF8')) $$;

-- Append-only tables refuse changes by this one function, and deletions unless a file holds the row as it is. The lock
-- makes whoever places a hold wait for the deletions that have seen their permission; from then on there is none.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_advisory_xact_lock_shared(hashtext('legal holds'));
        IF EXISTS (SELECT FROM archived_rows WHERE digest = row_digest(OLD)) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- What had no guard of its own, because nothing deleted it.
CREATE TRIGGER webhook_deliveries_are_kept BEFORE DELETE ON webhook_deliveries
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER redrives_are_kept BEFORE DELETE ON redrives FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER market_data_are_kept BEFORE DELETE ON market_data FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signal_distributions_are_kept BEFORE DELETE ON signal_distributions
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER exit_directives_are_kept BEFORE DELETE ON exit_directives
FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Whether a hold in force covers it. Without a symbol: what belongs to no signal stays while any hold covers its time.
CREATE FUNCTION is_held(of_symbol text, of_experiment uuid, moment timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM legal_holds h
         WHERE h.lifted_at IS NULL
           AND (h.starts_on IS NULL OR moment >= h.starts_on::timestamp AT TIME ZONE 'UTC')
           AND (h.ends_on IS NULL OR moment < (h.ends_on + 1)::timestamp AT TIME ZONE 'UTC')
           AND (of_symbol IS NULL OR h.symbol IN ('', of_symbol))
           AND (of_symbol IS NULL OR h.experiment_id IS NULL OR h.experiment_id = of_experiment))
$$;

-- A held experiment stays, and with it all that refers to it; a held signal, too, decided or not.
CREATE FUNCTION refuse_held() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held boolean;
BEGIN
    -- One statement each: no table has the columns of all.
    IF TG_ARGV[0] = 'experiments' THEN
        held := (SELECT is_held(s.symbol, OLD.experiment_id, s.received_at)
                   FROM signals s WHERE s.signal_id = OLD.signal_id);
    ELSIF TG_ARGV[0] = 'signals' THEN
        held := is_held(OLD.symbol, NULL, OLD.received_at);
    ELSIF TG_ARGV[0] = 'webhook_deliveries' THEN
        held := OLD.signal_id IS NULL AND is_held(NULL, NULL, OLD.received_at);
    ELSIF TG_ARGV[0] = 'audit_log' THEN
        held := is_held(NULL, NULL, OLD.at);
    ELSE
        held := is_held(NULL, NULL, OLD.received_at);
    END IF;
    IF held THEN
        RAISE EXCEPTION 'a row of % is on legal hold: % is refused', TG_ARGV[0], TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER experiments_on_hold BEFORE DELETE ON experiments
FOR EACH ROW EXECUTE FUNCTION refuse_held('experiments');
CREATE TRIGGER signals_on_hold BEFORE DELETE ON signals FOR EACH ROW EXECUTE FUNCTION refuse_held('signals');
CREATE TRIGGER webhook_deliveries_on_hold BEFORE DELETE ON webhook_deliveries
FOR EACH ROW EXECUTE FUNCTION refuse_held('webhook_deliveries');
CREATE TRIGGER quotes_on_hold BEFORE DELETE ON quotes FOR EACH ROW EXECUTE FUNCTION refuse_held('quotes');
CREATE TRIGGER market_data_on_hold BEFORE DELETE ON market_data
FOR EACH ROW EXECUTE FUNCTION refuse_held('market_data');
CREATE TRIGGER audit_log_on_hold BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_held('audit_log');

-- A hold takes every permission back, once the deletions that run are over: what it does not cover is archived again.
CREATE FUNCTION place_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('legal holds'));
    DELETE FROM archived_rows;
    RETURN NULL;
END $$;
CREATE TRIGGER legal_holds_take_permissions_back AFTER INSERT ON legal_holds
FOR EACH STATEMENT EXECUTE FUNCTION place_hold();

-- A hold never changes and is never deleted; it is lifted once.
CREATE FUNCTION keep_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lifting text[] := ARRAY['lifted_by', 'lifted_at', 'lift_reason'];
BEGIN
    IF OLD.lifted_at IS NOT NULL OR to_jsonb(OLD) - lifting <> to_jsonb(NEW) - lifting THEN
        RAISE EXCEPTION 'legal hold % is lifted once, and never changes', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER legal_holds_are_lifted_once BEFORE UPDATE ON legal_holds FOR EACH ROW EXECUTE FUNCTION keep_hold();
CREATE TRIGGER legal_holds_are_kept BEFORE DELETE ON legal_holds FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Where the rows are is never forgotten; of an archive only the deletion moves on, and ends once.
CREATE FUNCTION keep_archive() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := ARRAY['keys', 'removed_at', 'given_up_at'];
BEGIN
    IF OLD.removed_at IS NOT NULL OR OLD.given_up_at IS NOT NULL OR cardinality(NEW.keys) > cardinality(OLD.keys)
       OR to_jsonb(OLD) - free <> to_jsonb(NEW) - free THEN
        RAISE EXCEPTION 'archive % never changes', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER archives_end_once BEFORE UPDATE ON archives FOR EACH ROW EXECUTE FUNCTION keep_archive();
CREATE TRIGGER archives_are_kept BEFORE DELETE ON archives FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER archive_files_append_only BEFORE UPDATE OR DELETE ON archive_files
FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- A permission is given or goes; it is never moved to another row.
CREATE FUNCTION refuse_permission_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a permission to delete never changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER archived_rows_never_change BEFORE UPDATE ON archived_rows
FOR EACH ROW EXECUTE FUNCTION refuse_permission_change();

-- What has been archived leaves the report and judged blocks as they are: its facts are kept beside (see
-- archived_experiments, archived_results).
CREATE OR REPLACE FUNCTION mark_report() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    marked uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.experiment_id ELSE NEW.experiment_id END;
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM archived_experiments WHERE experiment_id = marked) THEN
        RETURN NULL;
    END IF;
    INSERT INTO report_marks (day, due_at)
    SELECT DISTINCT (moment AT TIME ZONE 'America/New_York')::date, now() + interval '1 minute'
      FROM (SELECT created_at FROM experiments WHERE experiment_id = marked AND TG_NARGS = 1
            UNION ALL SELECT exit_time FROM real_outcomes WHERE experiment_id = marked
            UNION ALL SELECT exit_time FROM shadow_outcomes WHERE experiment_id = marked
            UNION ALL SELECT exit_time FROM own_exits WHERE experiment_id = marked) moments (moment);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION mark_evaluations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    marked uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.experiment_id ELSE NEW.experiment_id END;
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM archived_experiments WHERE experiment_id = marked) THEN
        RETURN NULL;
    END IF;
    INSERT INTO evaluation_marks (evaluation_id, number)
    SELECT b.evaluation_id, b.number
      FROM experiments e
      JOIN signals s USING (signal_id)
      JOIN evaluation_runs r ON r.policy_version = e.policy_version
      JOIN evaluations v ON v.id = r.evaluation_id AND (v.clock = 'EVENT') = s.replayed
     CROSS JOIN LATERAL (
           SELECT CASE v.clock WHEN 'EVENT' THEN s.timestamp ELSE s.received_at END
                  AT TIME ZONE 'America/New_York' AS moment) clock
      JOIN evaluation_blocks b ON b.evaluation_id = r.evaluation_id AND b.revision = 1
       AND b.last_day >= clock.moment::date AND b.first_day <= clock.moment::date
     WHERE e.experiment_id = marked;
    RETURN NULL;
END $$;
