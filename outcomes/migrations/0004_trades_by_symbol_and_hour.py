"""What cells keep trade by trade also by symbol and by hour, so that a report by several filters reads fewer of them.

Cells follow from the rows: the worker makes them anew, day by day, and until then reports read the rows.
"""

import django.contrib.postgres.fields
from django.db import migrations

import outcomes.models.report

MARK_ALL_DAYS = """
INSERT INTO report_marks (day, due_at)
SELECT day, now() FROM report_cells UNION SELECT day, now() FROM report_answer_cells
"""


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0003_slices_by_level")]
    operations = [
        migrations.RunSQL(MARK_ALL_DAYS, MARK_ALL_DAYS),
        migrations.AlterField(
            model_name="reportcell",
            name="ranked",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=outcomes.models.report.ExactField(),
                help_text="Every P&L that counts, or difference of a pair, sorted; not in slices by a filter of few values.",
                null=True,
                size=None,
            ),
        ),
    ]
