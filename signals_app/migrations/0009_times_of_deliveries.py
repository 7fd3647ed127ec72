"""What refers to a delivery holds its time as well: the key of a table by month has it (archives.0005)."""

import django.db.models.deletion
from django.db import migrations, models

FILL = """
UPDATE redrives r SET delivery_received_at = first.received_at, result_received_at = second.received_at
  FROM webhook_deliveries first, webhook_deliveries second WHERE first.id = r.delivery_id AND second.id = r.result_id;
-- What has come late is fixed, for all but this.
ALTER TABLE missing_alerts DISABLE TRIGGER missing_alerts_identity_is_fixed;
UPDATE missing_alerts m SET delivery_received_at = d.received_at FROM webhook_deliveries d WHERE d.id = m.delivery_id;
ALTER TABLE missing_alerts ENABLE TRIGGER missing_alerts_identity_is_fixed;
"""


class Migration(migrations.Migration):
    dependencies = [("signals_app", "0008_ranges_of_time")]
    operations = [
        migrations.AlterField(
            model_name="alertarrival",
            name="delivery",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="+",
                serialize=False,
                to="signals_app.webhookdelivery",
            ),
        ),
        migrations.AlterField(
            model_name="missingalert",
            name="delivery",
            field=models.ForeignKey(
                db_constraint=False,
                help_text="The alert that arrived late.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="signals_app.webhookdelivery",
            ),
        ),
        migrations.AlterField(
            model_name="redrive",
            name="delivery",
            field=models.OneToOneField(
                db_constraint=False,
                help_text="The delivery that was rejected.",
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                related_name="redrive",
                serialize=False,
                to="signals_app.webhookdelivery",
            ),
        ),
        migrations.AlterField(
            model_name="redrive",
            name="result",
            field=models.OneToOneField(
                db_constraint=False,
                help_text="The delivery that came of it.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="redrive_of",
                to="signals_app.webhookdelivery",
            ),
        ),
        migrations.AddField(
            model_name="missingalert",
            name="delivery_received_at",
            field=models.DateTimeField(help_text="When that alert was received, UTC.", null=True),
        ),
        migrations.AddField(
            model_name="redrive",
            name="delivery_received_at",
            field=models.DateTimeField(help_text="When that was received, UTC.", null=True),
        ),
        migrations.AddField(
            model_name="redrive",
            name="result_received_at",
            field=models.DateTimeField(help_text="When that was received, UTC.", null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="redrive",
            name="delivery_received_at",
            field=models.DateTimeField(help_text="When that was received, UTC."),
        ),
        migrations.AlterField(
            model_name="redrive",
            name="result_received_at",
            field=models.DateTimeField(help_text="When that was received, UTC."),
        ),
        migrations.AddConstraint(
            model_name="missingalert",
            constraint=models.CheckConstraint(
                condition=models.Q(delivery__isnull=True, delivery_received_at__isnull=True)
                | models.Q(delivery__isnull=False, delivery_received_at__isnull=False),
                name="missing_alerts_delivery_has_its_time",
            ),
        ),
    ]
