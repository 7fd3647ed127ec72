"""What each run of the replay came to."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0003_guardrail_reason"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReplayRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField(help_text="By the database clock, UTC.")),
                ("seconds", models.DecimalField(decimal_places=3, help_text="How long it took.", max_digits=12)),
                ("selection", models.JSONField(default=dict, help_text="What was asked for; empty means everything.")),
                ("verified", models.PositiveBigIntegerField(help_text="Experiments verified.")),
                (
                    "differences",
                    models.PositiveBigIntegerField(help_text="Stored values that did not follow from their inputs."),
                ),
                ("first_differences", models.JSONField(default=list, help_text="The first of them, field by field.")),
                ("run_by", models.CharField(help_text="User name, or the command line's user.", max_length=150)),
            ],
            options={
                "db_table": "replay_runs",
                "ordering": ("-id",),
            },
        ),
    ]
