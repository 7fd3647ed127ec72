"""Decisions may name a guardrail as their reason."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0002_guard_rows"),
        ("policies", "0004_control_plane"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="executiondecision",
            name="execution_policy_reason_known",
        ),
        migrations.AlterField(
            model_name="executiondecision",
            name="reason",
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
                help_text="The rule that decided.",
                max_length=24,
            ),
        ),
        migrations.AddConstraint(
            model_name="executiondecision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        [
                            "HALTED",
                            "GUARDRAIL",
                            "CONFIGURED",
                            "ENGINE_A_UNAVAILABLE",
                            "ENGINE_B_UNAVAILABLE",
                            "LIVE_NOT_ENABLED",
                            "PAPER_DEFAULT",
                            "SPLIT",
                        ],
                    )
                ),
                name="execution_policy_reason_known",
            ),
        ),
    ]
