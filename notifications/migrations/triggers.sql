-- What happens once is written down where it happens, in its own transaction: no service can forget it.
CREATE FUNCTION notify_of(kind text, words text, facts text, urgent boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO notification_events (kind, text, facts, urgent, happened_at)
    VALUES (kind, words, facts, urgent, clock_timestamp())
$$;

-- A halt lasts until it is released; a drill is over at once, and nobody is told of it.
CREATE FUNCTION notify_of_halt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM notify_of('halt', format('Trading is halted: %s (%s)', NEW.reason, NEW.engaged_by), NEW.id::text, true);
    ELSIF NEW.released_at IS NOT NULL OR NEW.drill_seconds IS NOT NULL THEN
        UPDATE notification_events SET ended_at = clock_timestamp()
         WHERE kind = 'halt' AND facts = NEW.id::text AND ended_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER halts_are_told AFTER INSERT OR UPDATE ON halts FOR EACH ROW EXECUTE FUNCTION notify_of_halt();

-- So does a guardrail that has tripped.
CREATE FUNCTION notify_of_trip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM notify_of('guardrail', format('Guardrail tripped: %s is %s (limit %s). No new real trades.',
                                              NEW.name, NEW.value, NEW."limit"), NEW.id::text, true);
    ELSIF NEW.released_at IS NOT NULL THEN
        UPDATE notification_events SET ended_at = clock_timestamp()
         WHERE kind = 'guardrail' AND facts = NEW.id::text AND ended_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guardrail_trips_are_told AFTER INSERT OR UPDATE ON guardrail_trips
FOR EACH ROW EXECUTE FUNCTION notify_of_trip();

CREATE FUNCTION notify_of_incident() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_of('incident', format('Incident of engine %s: %s', NEW.engine, NEW.detail), NEW.id::text, true);
    RETURN NULL;
END $$;
CREATE TRIGGER incidents_are_told AFTER INSERT ON incidents FOR EACH ROW EXECUTE FUNCTION notify_of_incident();

CREATE FUNCTION notify_of_activation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_of('activation', format('Policy version %s was activated by %s: %s',
                                           NEW.version, NEW.created_by, NEW.note), NEW.version::text, false);
    RETURN NULL;
END $$;
CREATE TRIGGER policy_versions_are_told AFTER INSERT ON policy_versions
FOR EACH ROW EXECUTE FUNCTION notify_of_activation();

CREATE FUNCTION notify_of_replay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_of('replay', format('A replay found differences in the stored data: %s.', NEW.differences),
                      NEW.id::text, true);
    RETURN NULL;
END $$;
CREATE TRIGGER replay_runs_are_told AFTER INSERT ON replay_runs
FOR EACH ROW WHEN (NEW.differences > 0) EXECUTE FUNCTION notify_of_replay();

-- The first block with a verdict, one that is reversed, and an assumption that is broken; then the end.
CREATE FUNCTION notify_of_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    verdict text := NEW.judgement ->> 'verdict';
BEGIN
    IF verdict IS DISTINCT FROM (
        SELECT b.judgement ->> 'verdict' FROM evaluation_blocks b
         WHERE b.evaluation_id = NEW.evaluation_id AND b.revision = 1 AND b.number < NEW.number
         ORDER BY b.number DESC LIMIT 1)
    THEN
        PERFORM notify_of('verdict', format('Evaluation %s: %s after block %s.',
            (SELECT name FROM evaluations WHERE id = NEW.evaluation_id),
            CASE verdict WHEN 'A_BETTER' THEN 'A is better' WHEN 'B_BETTER' THEN 'B is better'
                         WHEN 'EQUIVALENT' THEN 'no difference that matters'
                         WHEN 'ASSUMPTION_BROKEN' THEN 'the promise about the worst block was broken'
                         ELSE 'no verdict' END, NEW.number), NEW.evaluation_id || ' ' || NEW.number, false);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER verdicts_are_told AFTER INSERT ON evaluation_blocks
FOR EACH ROW WHEN (NEW.revision = 1 AND NEW.judgement ->> 'verdict' <> 'RUNNING') EXECUTE FUNCTION notify_of_verdict();

CREATE FUNCTION notify_of_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_of('verdict', format('The evaluation %s has ended: %s',
        (SELECT name FROM evaluations WHERE id = NEW.evaluation_id), NEW.ended_because),
        NEW.evaluation_id || ' ended', false);
    RETURN NULL;
END $$;
CREATE TRIGGER evaluation_ends_are_told AFTER UPDATE ON evaluation_runs
FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION notify_of_end();
