"""An operator may give a failed signal up for good, with name and reason."""

from django.db import migrations, models

# Given up is given up: the row of a discarded signal never changes again.
FINAL = """
CREATE FUNCTION refuse_change_of_discarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'signal % is discarded: % is refused', OLD.signal_id, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER signals_discarded_is_final BEFORE UPDATE ON signals FOR EACH ROW
WHEN (OLD.discarded_at IS NOT NULL) EXECUTE FUNCTION refuse_change_of_discarded();
"""
NOT_FINAL = """
DROP TRIGGER signals_discarded_is_final ON signals;
DROP FUNCTION refuse_change_of_discarded();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("signals_app", "0002_guard_rows"),
    ]

    operations = [
        migrations.AddField(
            model_name="signal",
            name="discard_reason",
            field=models.TextField(blank=True, db_default="", help_text="Why it was given up."),
        ),
        migrations.AddField(
            model_name="signal",
            name="discarded_at",
            field=models.DateTimeField(
                blank=True, help_text="When an operator gave up a failed signal for good, UTC.", null=True
            ),
        ),
        migrations.AddField(
            model_name="signal",
            name="discarded_by",
            field=models.CharField(blank=True, db_default="", help_text="Who gave it up.", max_length=150),
        ),
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("discarded_at__isnull", True),
                    models.Q(("next_attempt_at__isnull", True), ("status", "FAILED")),
                    _connector="OR",
                ),
                name="signals_discarded_is_failed_for_good",
            ),
        ),
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("discard_reason", ""), ("discarded_at__isnull", True), ("discarded_by", "")),
                    models.Q(
                        ("discarded_at__isnull", False),
                        models.Q(("discarded_by", ""), _negated=True),
                        models.Q(("discard_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="signals_discarded_has_name_and_reason",
            ),
        ),
        migrations.RunSQL(FINAL, NOT_FINAL),
    ]
