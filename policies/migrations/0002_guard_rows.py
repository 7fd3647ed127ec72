"""Policy versions are append-only; the two engines exist from the start."""

from django.db import migrations

GUARD = """
CREATE FUNCTION refuse_policy_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER policy_versions_append_only BEFORE UPDATE OR DELETE ON policy_versions
FOR EACH ROW EXECUTE FUNCTION refuse_policy_change();
CREATE TRIGGER halts_are_kept BEFORE DELETE ON halts FOR EACH ROW EXECUTE FUNCTION refuse_policy_change();
INSERT INTO engines (name, enabled, disabled_reason, engine_version, rules_hash)
VALUES ('A', true, '', '', ''), ('B', true, '', '', '');
"""
UNDO = """
DELETE FROM engines;
DROP TRIGGER halts_are_kept ON halts;
DROP TRIGGER policy_versions_append_only ON policy_versions;
DROP FUNCTION refuse_policy_change();
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
