"""A replay of archives is told as one: what it found says nothing about what is in the database."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("notifications", "0003_trace_marks")]
    operations = [migrations.RunSQL(load(__file__, "replays.sql"), migrations.RunSQL.noop)]
