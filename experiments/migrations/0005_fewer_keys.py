"""Fewer and shorter indexes, and triggers instead of keys that exist to be referred to; see fewer_keys.sql."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

from kernel.sql import load


class Migration(migrations.Migration):

    dependencies = [
        ('experiments', '0004_decision_times'),
        ('policies', '0006_ramps_end'),
        ('signals_app', '0007_fewer_keys'),
    ]

    operations = [
        migrations.RunSQL(load(__file__, "fewer_keys.sql"), load(__file__, "drop_fewer_keys.sql")),
        migrations.RemoveIndex(
            model_name='experiment',
            name='experiments_created',
        ),
        migrations.RemoveIndex(
            model_name='experiment',
            name='experiments_signal_hash',
        ),
        migrations.RemoveIndex(
            model_name='experiment',
            name='experiments_assignment_hash',
        ),
        migrations.AlterField(
            model_name='executiondecision',
            name='policy_version',
            field=models.ForeignKey(db_column='policy_version', db_constraint=False, help_text='Policy version that decided.', on_delete=django.db.models.deletion.PROTECT, to='policies.policyversion'),
        ),
        migrations.AlterField(
            model_name='experiment',
            name='policy_version',
            field=models.ForeignKey(db_column='policy_version', db_constraint=False, help_text='Policy version that decided.', on_delete=django.db.models.deletion.PROTECT, to='policies.policyversion'),
        ),
        migrations.AddIndex(
            model_name='experiment',
            index=models.Index(fields=['-created_at'], name='experiments_created'),
        ),
        migrations.AddIndex(
            model_name='experiment',
            index=models.Index(django.db.models.functions.text.Left('signal_hash', 4), name='experiments_signal_hash'),
        ),
        migrations.AddIndex(
            model_name='experiment',
            index=models.Index(django.db.models.functions.text.Left('assignment_hash', 4), name='experiments_assignment_hash'),
        ),
    ]
