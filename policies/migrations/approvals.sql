-- Who approves is compared by account: a name can be given to another account, or taken off one. What was written
-- before gets the account that has the name today; without one, such as a command's, the name is who it was.
CREATE FUNCTION pg_temp.person(called text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT 'account ' || id FROM auth_user WHERE username = called), 'name ' || called)
$$;
-- It refuses this update as well; the table is locked until the commit.
ALTER TABLE policy_approvals DISABLE TRIGGER policy_approvals_append_only;
UPDATE policy_approvals SET approver = pg_temp.person(approved_by);
ALTER TABLE policy_approvals ENABLE TRIGGER policy_approvals_append_only;
UPDATE policy_drafts
   SET writers = coalesce((SELECT jsonb_agg(pg_temp.person(name)) FROM jsonb_array_elements_text(authors) name), '[]');
UPDATE policy_ramps SET planner = pg_temp.person(created_by),
                        approver = CASE approved_by WHEN '' THEN '' ELSE pg_temp.person(approved_by) END;
DROP FUNCTION pg_temp.person(text);

-- Two pairs of eyes: nobody approves what he has written in himself.
CREATE FUNCTION refuse_approval_by_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM policy_drafts WHERE id = NEW.draft_id AND writers ? NEW.approver) THEN
        RAISE EXCEPTION 'policy draft % is approved by one of its authors', NEW.draft_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER policy_approvals_by_another BEFORE INSERT ON policy_approvals
FOR EACH ROW EXECUTE FUNCTION refuse_approval_by_writer();
