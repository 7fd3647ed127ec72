"""Who wrote and who approved, by account; see approvals.sql."""

from django.db import migrations, models
from django.db.models import Q

from kernel.sql import load

SAME = "The same by account, which stays whatever it is called."


def _by_account() -> models.CharField:
    return models.CharField(default="", help_text=SAME, max_length=160)


class Migration(migrations.Migration):
    dependencies = [
        ("outcomes", "0004_trades_by_symbol_and_hour"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.AddField("evaluation", "author", _by_account(), preserve_default=False),
        migrations.AddField("evaluationapproval", "approver", _by_account(), preserve_default=False),
        migrations.RunSQL(load(__file__, "approvals.sql"), migrations.RunSQL.noop),
        migrations.AddConstraint(
            "evaluation", models.CheckConstraint(name="evaluations_have_an_author", condition=~Q(author=""))
        ),
        migrations.AddConstraint(
            "evaluationapproval",
            models.CheckConstraint(name="evaluation_approvals_by_somebody", condition=~Q(approver="")),
        ),
    ]
