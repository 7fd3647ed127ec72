"""Entries from now on say whose account it was; names can be given to another."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0006_preferences")]
    operations = [
        migrations.AddField(
            "auditentry",
            "account_id",
            models.IntegerField(
                blank=True,
                help_text="The actor's account, which may be called otherwise by now; blank for commands.",
                null=True,
            ),
        ),
    ]
