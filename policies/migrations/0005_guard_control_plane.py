"""The audit log, approvals and switches are append-only; drafts and trips are kept."""

from django.db import migrations

APPEND_ONLY = ("audit_log", "policy_approvals", "engine_switches")
KEPT = ("policy_drafts", "guardrail_trips")

GUARD = "".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION refuse_policy_change();"
    for table in APPEND_ONLY
) + "".join(
    f"CREATE TRIGGER {table}_are_kept BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_policy_change();"
    for table in KEPT
)
UNDO = "".join(f"DROP TRIGGER {table}_append_only ON {table};" for table in APPEND_ONLY) + "".join(
    f"DROP TRIGGER {table}_are_kept ON {table};" for table in KEPT
)


class Migration(migrations.Migration):
    dependencies = [("policies", "0004_control_plane")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
