"""What writes an event where it happens; see triggers.sql."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_initial"),
        ("outcomes", "0002_guards"),
        ("experiments", "0002_guards"),
        ("policies", "0004_halt_drills"),
    ]
    operations = [migrations.RunSQL(load(__file__, "triggers.sql"), load(__file__, "drop_triggers.sql"))]
