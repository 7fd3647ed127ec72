"""Double execution has no row: a real trade must match the executed engine and a revealed REAL role."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0001_initial"), ("experiments", "0002_guard_rows")]
    operations = [migrations.RunSQL(load(__file__, "guards.sql"), load(__file__, "drop_guards.sql"))]
