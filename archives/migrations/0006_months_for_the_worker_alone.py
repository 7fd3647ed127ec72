"""A function of the owner's rights is not everybody's: a role that reads the analysts' views could make months by it.

The application's role is given it after each migration (orchestrator_site/database_roles.py).
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("archives", "0005_deliveries_by_month")]
    operations = [
        migrations.RunSQL(
            "REVOKE EXECUTE ON FUNCTION keep_partitions(text, integer, integer) FROM PUBLIC",
            "GRANT EXECUTE ON FUNCTION keep_partitions(text, integer, integer) TO PUBLIC",
        ),
    ]
