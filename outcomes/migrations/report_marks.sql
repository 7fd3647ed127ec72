-- What keeps the report's cells right.

-- What changes a day marks it in the same transaction, so that no report trusts the cells of that day: the days of all
-- exits of the experiment, in any revision, and with the argument `answers` the day of its creation, by which answers
-- are counted. Each change has a mark of its own, so that none waits for another. A minute after the last one the
-- worker makes the cells anew.
CREATE FUNCTION mark_report() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER recommendations_mark_the_report AFTER INSERT ON recommendations
FOR EACH ROW EXECUTE FUNCTION mark_report('answers');
CREATE TRIGGER real_trades_mark_the_report AFTER INSERT OR UPDATE OF status ON real_trades
FOR EACH ROW EXECUTE FUNCTION mark_report('answers');
CREATE TRIGGER shadow_trades_mark_the_report AFTER INSERT OR UPDATE OF status ON shadow_trades
FOR EACH ROW EXECUTE FUNCTION mark_report('answers');
CREATE TRIGGER real_outcomes_mark_the_report AFTER INSERT ON real_outcomes
FOR EACH ROW EXECUTE FUNCTION mark_report();
CREATE TRIGGER shadow_outcomes_mark_the_report AFTER INSERT ON shadow_outcomes
FOR EACH ROW EXECUTE FUNCTION mark_report();
CREATE TRIGGER own_exits_mark_the_report AFTER INSERT OR UPDATE ON own_exits
FOR EACH ROW EXECUTE FUNCTION mark_report();
CREATE TRIGGER pair_violations_mark_the_report AFTER INSERT OR UPDATE OR DELETE ON pair_violations
FOR EACH ROW EXECUTE FUNCTION mark_report();

-- New experiments come in batches, on the way of every alert: one mark for each day of a batch.
CREATE FUNCTION mark_report_of_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO report_marks (day, due_at)
    SELECT DISTINCT (created_at AT TIME ZONE 'America/New_York')::date, now() + interval '1 minute' FROM created;
    RETURN NULL;
END $$;
CREATE TRIGGER experiments_mark_the_report AFTER INSERT ON experiments REFERENCING NEW TABLE AS created
FOR EACH STATEMENT EXECUTE FUNCTION mark_report_of_created();

-- A report that was kept is cited: it never changes.
CREATE TRIGGER kept_reports_append_only BEFORE UPDATE OR DELETE ON kept_reports
FOR EACH ROW EXECUTE FUNCTION refuse_change();
