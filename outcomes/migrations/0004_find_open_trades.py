"""An index of the open trades, which the overview counts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0005_find_decisions_by_hash"),
        ("outcomes", "0003_guardrail_reason"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="realtrade",
            index=models.Index(condition=models.Q(("status", "OPEN")), fields=["-opened_at"], name="realtrade_open"),
        ),
        migrations.AddIndex(
            model_name="shadowtrade",
            index=models.Index(condition=models.Q(("status", "OPEN")), fields=["-opened_at"], name="shadowtrade_open"),
        ),
    ]
