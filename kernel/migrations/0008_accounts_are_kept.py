"""Accounts are deactivated, never deleted: what was done is told under them."""

from django.db import migrations

KEEP = """
CREATE TRIGGER accounts_are_kept BEFORE DELETE ON auth_user FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("kernel", "0007_audit_accounts"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunSQL(KEEP, "DROP TRIGGER accounts_are_kept ON auth_user")]
