"""Revealed roles may name a guardrail as their reason."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("outcomes", "0002_guard_rows"),
    ]

    operations = [
        migrations.AlterField(
            model_name="recommendation",
            name="role_reason",
            field=models.CharField(
                choices=[
                    ("HALTED", "Halted"),
                    ("GUARDRAIL", "Guardrail"),
                    ("CONFIGURED", "Configured"),
                    ("ENGINE_A_UNAVAILABLE", "Engine A Unavailable"),
                    ("ENGINE_B_UNAVAILABLE", "Engine B Unavailable"),
                    ("LIVE_NOT_ENABLED", "Live Not Enabled"),
                    ("PAPER_DEFAULT", "Paper Default"),
                    ("SPLIT", "Split"),
                ],
                help_text="Why: the decision's reason, or HALTED.",
                max_length=24,
            ),
        ),
    ]
