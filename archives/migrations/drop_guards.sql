-- The reverse of guards.sql.
DROP TRIGGER archived_rows_never_change ON archived_rows;
DROP TRIGGER archive_files_append_only ON archive_files;
DROP TRIGGER archives_are_kept ON archives;
DROP TRIGGER archives_end_once ON archives;
DROP TRIGGER legal_holds_are_kept ON legal_holds;
DROP TRIGGER legal_holds_are_lifted_once ON legal_holds;
DROP TRIGGER legal_holds_take_permissions_back ON legal_holds;
DROP TRIGGER audit_log_on_hold ON audit_log;
DROP TRIGGER market_data_on_hold ON market_data;
DROP TRIGGER quotes_on_hold ON quotes;
DROP TRIGGER webhook_deliveries_on_hold ON webhook_deliveries;
DROP TRIGGER signals_on_hold ON signals;
DROP TRIGGER experiments_on_hold ON experiments;
DROP TRIGGER exit_directives_are_kept ON exit_directives;
DROP TRIGGER signal_distributions_are_kept ON signal_distributions;
DROP TRIGGER market_data_are_kept ON market_data;
DROP TRIGGER redrives_are_kept ON redrives;
DROP TRIGGER webhook_deliveries_are_kept ON webhook_deliveries;
DROP FUNCTION refuse_permission_change();
DROP FUNCTION keep_archive();
DROP FUNCTION keep_hold();
DROP FUNCTION place_hold();
DROP FUNCTION refuse_held();
DROP FUNCTION is_held(text, uuid, timestamptz);
CREATE OR REPLACE FUNCTION mark_report() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    marked uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.experiment_id ELSE NEW.experiment_id END;
BEGIN
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
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP FUNCTION row_digest(anyelement);
