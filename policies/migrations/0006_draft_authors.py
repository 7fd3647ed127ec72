"""Remember everybody who has written on a draft: none of them may approve it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0005_guard_control_plane"),
    ]

    operations = [
        migrations.AddField(
            model_name="policydraft",
            name="authors",
            field=models.JSONField(
                default=list, help_text="Everybody who has written on it; none of them may approve it."
            ),
        ),
    ]
