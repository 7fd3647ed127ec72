-- Append-only tables of all apps refuse changes by this one function. The error class is an integrity violation, so
-- that Django raises IntegrityError.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- What was done stays told.
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER attention_marks_append_only BEFORE UPDATE OR DELETE ON attention_marks
FOR EACH ROW EXECUTE FUNCTION refuse_change();
