"""Who wrote and who approved, by account; see approvals.sql."""

from django.db import migrations, models
from django.db.models import F, Q

from kernel.sql import load

SAME = "The same by account, which stays whatever it is called."


class Migration(migrations.Migration):
    dependencies = [("policies", "0006_ramps_end"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RemoveConstraint("policyapproval", "policy_approvals_once_per_person"),
        migrations.AddField(
            "policyapproval",
            "approver",
            models.CharField(default="", help_text=SAME, max_length=160),
            preserve_default=False,
        ),
        migrations.AddField("policydraft", "writers", models.JSONField(default=list, help_text=SAME)),
        migrations.AddField(
            "policyramp", "approver", models.CharField(blank=True, default="", help_text=SAME, max_length=160)
        ),
        migrations.AddField(
            "policyramp",
            "planner",
            models.CharField(default="", help_text=SAME, max_length=160),
            preserve_default=False,
        ),
        migrations.RunSQL(load(__file__, "approvals.sql"), load(__file__, "drop_approvals.sql")),
        migrations.AddConstraint(
            "policyapproval",
            models.UniqueConstraint(name="policy_approvals_once_each", fields=("draft", "content_hash", "approver")),
        ),
        migrations.AddConstraint(
            "policyapproval",
            models.CheckConstraint(name="policy_approvals_have_an_approver", condition=~Q(approver="")),
        ),
        migrations.AddConstraint(
            "policyramp",
            models.CheckConstraint(
                name="policy_ramps_approved_by_another", condition=~Q(planner="") & ~Q(approver=F("planner"))
            ),
        ),
    ]
