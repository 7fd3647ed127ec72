"""A batch that ends waits for nobody who holds one of its signals; see end_of_batches.sql."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("experiments", "0010_waiting_signals")]
    operations = [migrations.RunSQL(load(__file__, "end_of_batches.sql"), migrations.RunSQL.noop)]
