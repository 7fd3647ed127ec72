"""Distributions are found by their unique key; the second index is gone."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0005_find_decisions_by_hash"),
    ]

    operations = [
        migrations.AlterField(
            model_name="signaldistribution",
            name="experiment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="distributions",
                to="experiments.experiment",
            ),
        ),
    ]
