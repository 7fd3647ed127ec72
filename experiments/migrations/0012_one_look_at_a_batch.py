"""One look at a batch that leaves nothing, where two were taken; see end_of_batches.sql, which is run again."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("experiments", "0011_batches_wait_for_nobody")]
    operations = [migrations.RunSQL(load(__file__, "end_of_batches.sql"), migrations.RunSQL.noop)]
