-- What keeps judged blocks looked after.

-- What is told of a signal marks the judged block of its day, of every evaluation under the signal's policy; the worker
-- looks at a marked block again. Each has a mark of its own, so that none waits for another. While an experiment's facts
-- are stored its lock is held, as it is while its block is judged: what came before is in the block, the rest marks it.
CREATE FUNCTION mark_evaluations() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER trade_fills_mark_evaluations AFTER INSERT ON trade_fills
FOR EACH ROW EXECUTE FUNCTION mark_evaluations();
CREATE TRIGGER own_exits_mark_evaluations AFTER INSERT OR UPDATE ON own_exits
FOR EACH ROW EXECUTE FUNCTION mark_evaluations();
CREATE TRIGGER pair_violations_mark_evaluations AFTER INSERT OR UPDATE OR DELETE ON pair_violations
FOR EACH ROW EXECUTE FUNCTION mark_evaluations();
