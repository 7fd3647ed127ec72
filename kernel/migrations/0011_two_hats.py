"""No account both grants rights and operates; see two_hats.sql."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("kernel", "0010_audit_by_action"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunSQL(load(__file__, "two_hats.sql"), load(__file__, "drop_two_hats.sql"))]
