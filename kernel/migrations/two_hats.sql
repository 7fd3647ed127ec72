-- Who grants rights does not operate or approve (ADR 16): which kind a permission is, NULL for one that does neither.
-- This is the one place that says so; orchestrator_site/roles.py asks here.
CREATE FUNCTION kind_of_right(app_label text, codename text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN codename LIKE 'view\_%' THEN NULL
        WHEN app_label = 'auth' THEN 'grants'
        -- Keeping a report changes nothing, and where notifications go is an administrator's to say.
        WHEN (app_label, codename) IN (('outcomes', 'add_keptreport'), ('notifications', 'change_recipient')) THEN NULL
        WHEN app_label IN ('kernel', 'signals_app', 'policies', 'experiments', 'outcomes', 'archives', 'notifications')
            THEN 'operates'
    END
$$;

-- Every right of these accounts by its kind, from groups and their own; a superuser has all and is another matter.
CREATE FUNCTION accounts_of_two_hats(accounts integer[]) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT account.username
      FROM auth_user account
      CROSS JOIN LATERAL (
          SELECT permission_id FROM auth_user_user_permissions WHERE user_id = account.id
          UNION ALL
          SELECT granted.permission_id
            FROM auth_user_groups membership
            JOIN auth_group_permissions granted USING (group_id)
           WHERE membership.user_id = account.id) held
      JOIN auth_permission permission ON permission.id = held.permission_id
      JOIN django_content_type type ON type.id = permission.content_type_id
     WHERE account.id = ANY (accounts) AND NOT account.is_superuser
     GROUP BY account.username
    HAVING count(DISTINCT kind_of_right(type.app_label, permission.codename)) > 1
     ORDER BY 1
$$;

CREATE FUNCTION refuse_two_hats() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    accounts integer[];
    found text;
BEGIN
    -- Two transactions that each give one kind would not see each other's. Rights change seldom: one at a time.
    PERFORM pg_advisory_xact_lock(hashtextextended('refuse_two_hats', 0));
    IF TG_TABLE_NAME = 'auth_user' THEN
        accounts := ARRAY[NEW.id];
    ELSIF TG_TABLE_NAME = 'auth_group_permissions' THEN
        accounts := ARRAY(SELECT user_id FROM auth_user_groups WHERE group_id = NEW.group_id);
    ELSE
        accounts := ARRAY[NEW.user_id];
    END IF;
    SELECT string_agg(name, ', ') INTO found FROM accounts_of_two_hats(accounts) name;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'who grants rights does not operate or approve: % would do both', found
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'accounts_wear_one_hat';
    END IF;
    RETURN NULL;
END $$;

-- At the commit: a form takes one group and then gives another, and what counts is what is left.
CREATE CONSTRAINT TRIGGER two_hats AFTER INSERT OR UPDATE ON auth_user_groups
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_two_hats();
CREATE CONSTRAINT TRIGGER two_hats AFTER INSERT OR UPDATE ON auth_user_user_permissions
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_two_hats();
CREATE CONSTRAINT TRIGGER two_hats AFTER INSERT OR UPDATE ON auth_group_permissions
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_two_hats();
CREATE CONSTRAINT TRIGGER two_hats AFTER UPDATE OF is_superuser ON auth_user
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.is_superuser AND NOT NEW.is_superuser)
EXECUTE FUNCTION refuse_two_hats();
