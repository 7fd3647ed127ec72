"""Quotes, pushed market data and the audit log by month; see partitions.sql. Not taken back: the rows stay as they are."""

from django.db import migrations

from kernel.sql import load


class Migration(migrations.Migration):
    dependencies = [
        ("archives", "0002_guards"),
        ("kernel", "0009_audit_by_time"),
        ("signals_app", "0008_ranges_of_time"),
        ("outcomes", "0008_archived_facts"),
    ]
    operations = [migrations.RunSQL(load(__file__, "partitions.sql"))]
