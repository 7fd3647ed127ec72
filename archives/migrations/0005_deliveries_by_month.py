"""Deliveries by month, and months that are made and dropped beside alerts; see deliveries.sql. Not taken back."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("archives", "0004_unfinished_work"), ("signals_app", "0009_times_of_deliveries")]
    operations = [
        migrations.RunSQL(load(__file__, "deliveries.sql")),
        migrations.RunSQL(load(__file__, "keep_partitions.sql")),
    ]
