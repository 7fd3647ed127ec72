"""What the tables of this app refuse beyond the constraints of its models; see guards.sql, and what marks days and blocks."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0001_initial"), ("experiments", "0002_guards")]
    operations = [
        migrations.RunSQL(load(__file__, "guards.sql"), load(__file__, "drop_guards.sql")),
        migrations.RunSQL(load(__file__, "report_marks.sql"), load(__file__, "drop_report_marks.sql")),
        migrations.RunSQL(load(__file__, "evaluation_marks.sql"), load(__file__, "drop_evaluation_marks.sql")),
    ]
