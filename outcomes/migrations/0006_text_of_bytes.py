"""Bodies of deliveries as text, for the tables that analysts take away; see text_of_bytes.sql."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0005_approvals_by_account")]
    operations = [migrations.RunSQL(load(__file__, "text_of_bytes.sql"), "DROP FUNCTION text_of_bytes(bytea)")]
