"""What waits leaves the indexes of signals for a table of its own, which the database keeps; see queue.sql."""

from django.db import migrations, models

from kernel.sql import load


class Migration(migrations.Migration):

    dependencies = [
        ('experiments', '0009_no_sweep'),
        ('signals_app', '0010_no_status_in_indexes'),
    ]

    operations = [
        migrations.CreateModel(
            name='WaitingSignal',
            fields=[
                ('pk', models.CompositePrimaryKey('is_retry', 'due_at', 'signal_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('is_retry', models.BooleanField(help_text='Whether it has failed before; it is then tried alone.')),
                ('due_at', models.DateTimeField(help_text="Of a fresh signal its time of receipt, of a failed one the next attempt's.")),
                ('signal_id', models.UUIDField()),
            ],
            options={
                'db_table': 'waiting_signals',
            },
        ),
        migrations.RunSQL(load(__file__, "queue.sql"), load(__file__, "drop_queue.sql")),
    ]
