-- Who approves is compared by account: a name can be given to another account, or taken off one. What was written
-- before gets the account that has the name today; without one, such as a command's, the name is who it was.
CREATE FUNCTION pg_temp.person(called text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT 'account ' || id FROM auth_user WHERE username = called), 'name ' || called)
$$;
-- They refuse these updates as well; the tables are locked until the commit.
ALTER TABLE evaluations DISABLE TRIGGER evaluations_append_only;
ALTER TABLE evaluation_approvals DISABLE TRIGGER evaluation_approvals_append_only;
UPDATE evaluations SET author = pg_temp.person(created_by);
UPDATE evaluation_approvals SET approver = pg_temp.person(approved_by);
ALTER TABLE evaluations ENABLE TRIGGER evaluations_append_only;
ALTER TABLE evaluation_approvals ENABLE TRIGGER evaluation_approvals_append_only;
DROP FUNCTION pg_temp.person(text);

CREATE OR REPLACE FUNCTION refuse_own_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM evaluations WHERE id = NEW.evaluation_id AND author = NEW.approver) THEN
        RAISE EXCEPTION 'evaluation % is approved by its author', NEW.evaluation_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
