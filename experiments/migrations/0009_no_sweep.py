"""The cluster drains every few seconds whether anything waits or not: no schedule needs to."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("experiments", "0008_help_of_the_hash"), ("django_q", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "DELETE FROM django_q_schedule WHERE name = 'sweep pending signals'", migrations.RunSQL.noop
        ),
    ]
