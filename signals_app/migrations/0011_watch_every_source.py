"""Watch every source that nobody has settled how to watch: by its habit, and by numbers where it sends any."""

from __future__ import annotations

from django.db import migrations, models

WATCH = """
INSERT INTO alert_watches (source_id, mode, grace_seconds, bar_clock, timezone, days, holidays, since, known_until,
                           next_look_at, alerts, silences)
SELECT id, 'habit', 30, '', 'UTC', '{1,2,3,4,5,6,7}', '{}', now(), now(), now(), 0, '{}'
  FROM webhook_sources
 WHERE NOT replay AND NOT EXISTS (SELECT FROM alert_watches WHERE source_id = webhook_sources.id)
"""


class Migration(migrations.Migration):
    dependencies = [("signals_app", "0010_no_status_in_indexes")]

    operations = [
        migrations.AlterField(
            model_name="alertwatch",
            name="mode",
            field=models.CharField(
                choices=[
                    ("off", "Off"),
                    ("every_bar", "Every bar"),
                    ("sequence", "Sequence numbers"),
                    ("habit", "Unusual silence"),
                ],
                default="off",
                help_text="Every bar: an alert is expected at the close of each bar. Sequence numbers: every message has "
                "one, and none may be left out. Unusual silence: numbers are followed where messages have them. Unless "
                "off, an unusual silence is reported.",
                max_length=9,
            ),
        ),
        migrations.RunSQL(WATCH, migrations.RunSQL.noop),
    ]
