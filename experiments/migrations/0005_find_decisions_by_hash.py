"""An index of the hashes of decisions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0004_replay_runs"),
        ("policies", "0006_draft_authors"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="executiondecision",
            index=models.Index(fields=["decision_hash", "-decided_at"], name="execution_policy_hash"),
        ),
    ]
