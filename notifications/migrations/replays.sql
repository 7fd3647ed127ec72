-- As triggers.sql has it, but for where the differences are.
CREATE OR REPLACE FUNCTION notify_of_replay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_of('replay', format('A replay found differences in %s: %s.',
                                       CASE WHEN NEW.selection ? 'archive' THEN 'archives' ELSE 'the stored data' END,
                                       NEW.differences), NEW.id::text, true);
    RETURN NULL;
END $$;
