"""What lets a row be deleted, and what keeps it; see guards.sql."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [
        ("archives", "0001_initial"),
        ("kernel", "0002_guards"),
        ("signals_app", "0008_ranges_of_time"),
        ("experiments", "0008_help_of_the_hash"),
        ("outcomes", "0008_archived_facts"),
    ]
    operations = [migrations.RunSQL(load(__file__, "guards.sql"), load(__file__, "drop_guards.sql"))]
