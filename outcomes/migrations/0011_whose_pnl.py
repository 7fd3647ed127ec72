"""Whose each P&L of a day is, so that a page of rows by P&L looks up its own rows and no others of their days.

Cells follow from the rows: the worker makes them anew, day by day, and until then reports read the rows.
"""

import django.contrib.postgres.fields
from django.db import migrations, models

MARK_ALL_DAYS = """
INSERT INTO report_marks (day, due_at)
SELECT day, now() FROM report_cells UNION SELECT day, now() FROM report_answer_cells
"""


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0010_months_of_the_report")]
    operations = [
        migrations.RunSQL(MARK_ALL_DAYS, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="reportcell",
            name="ranked_experiments",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.UUIDField(),
                help_text="Whose each of these is; of all slices together only.",
                null=True,
                size=None,
            ),
        ),
    ]
