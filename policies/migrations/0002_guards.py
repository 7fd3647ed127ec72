"""What the tables of this app refuse beyond the constraints of its models; see guards.sql."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial"), ("kernel", "0002_guards")]
    operations = [migrations.RunSQL(load(__file__, "guards.sql"), load(__file__, "drop_guards.sql"))]
