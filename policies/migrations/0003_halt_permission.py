"""A permission of its own for the kill switch: who may stop is not who may edit rows."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("policies", "0002_guard_rows")]
    operations = [
        migrations.AlterModelOptions(
            name="halt",
            options={
                "ordering": ("-engaged_at",),
                "permissions": [("halt_trading", "Can pull and release the kill switch")],
            },
        )
    ]
