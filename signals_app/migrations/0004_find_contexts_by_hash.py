"""An index of the hashes of market contexts."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("signals_app", "0003_discarded_signals"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="marketcontext",
            index=django.contrib.postgres.indexes.HashIndex(fields=["context_hash"], name="market_contexts_hash"),
        ),
    ]
