"""Tables of the policy control plane."""

import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0003_halt_permission"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="By the database clock, UTC.")),
                ("actor", models.CharField(help_text="User name, or the command line's user.", max_length=150)),
                ("action", models.CharField(help_text="What was done, such as policy.activated.", max_length=40)),
                ("subject", models.CharField(help_text="To what, such as policy version 7.", max_length=100)),
                ("reason", models.TextField(blank=True, default="", help_text="Why, in the actor's words.")),
                (
                    "address",
                    models.CharField(
                        blank=True, default="", help_text="Network address; empty for commands.", max_length=45
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "db_table": "audit_log",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="EngineSwitch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("engine", models.CharField(choices=[("A", "A"), ("B", "B")], max_length=1)),
                ("enabled", models.BooleanField()),
                ("reason", models.TextField()),
                ("switched_by", models.CharField(max_length=150)),
                ("switched_at", models.DateTimeField(help_text="By the database clock, UTC.")),
            ],
            options={
                "verbose_name_plural": "engine switches",
                "db_table": "engine_switches",
                "ordering": ("-id",),
            },
        ),
        migrations.AddField(
            model_name="policyversion",
            name="max_consecutive_real_losses",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Guardrail: after this many real losses in a row nothing trades for real. Empty means off.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="max_daily_real_loss",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                help_text="Guardrail: real loss of one UTC day, in currency. Empty means off.",
                max_digits=14,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="max_engine_flaps",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Guardrail: times an engine came back within the last hour. Empty means off.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="max_failed_signal_percentage",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                help_text="Guardrail: share of the last hour's signals that failed, of at least 20. Empty means off.",
                max_digits=5,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(Decimal("0.01")),
                    django.core.validators.MaxValueValidator(Decimal("100")),
                ],
            ),
        ),
        migrations.CreateModel(
            name="PolicyDraft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "configured_mode",
                    models.CharField(
                        choices=[
                            ("AUTO", "Auto"),
                            ("SHADOW_ONLY", "Shadow Only"),
                            ("ENGINE_A_PRIMARY", "Engine A Primary"),
                            ("ENGINE_B_PRIMARY", "Engine B Primary"),
                            ("SPLIT_CAPITAL", "Split Capital"),
                        ],
                        help_text="AUTO: engine A trades for real in PAPER mode. SPLIT_CAPITAL: the variant of each signal does.",
                        max_length=16,
                    ),
                ),
                (
                    "split_percentage",
                    models.DecimalField(
                        decimal_places=2,
                        help_text="Share of signals assigned to engine A, 0 to 100.",
                        max_digits=5,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                (
                    "heartbeat_ttl_seconds",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="An engine is available this long after its last heartbeat.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "permit_ttl_seconds",
                    models.PositiveIntegerField(
                        default=300,
                        help_text="A real trade must be entered this soon after its role was revealed.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "max_market_data_age_seconds",
                    models.PositiveIntegerField(
                        default=900,
                        help_text="Pushed market data older than this at the signal's time is left out of the context.",
                        validators=[django.core.validators.MaxValueValidator(604800)],
                    ),
                ),
                (
                    "entry_window_seconds",
                    models.PositiveIntegerField(
                        default=300,
                        help_text="Real and shadow entry further apart than this are a LATE_ENTRY violation.",
                        validators=[django.core.validators.MaxValueValidator(604800)],
                    ),
                ),
                (
                    "exit_directive_ttl_seconds",
                    models.PositiveIntegerField(
                        default=3600,
                        help_text="A shadow exit that nobody has priced by then becomes UNPRICED.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(2592000),
                        ],
                    ),
                ),
                (
                    "live_enabled",
                    models.BooleanField(
                        default=False, help_text="Without it nothing trades for real while APP_MODE is LIVE."
                    ),
                ),
                (
                    "max_consecutive_real_losses",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Guardrail: after this many real losses in a row nothing trades for real. Empty means off.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                    ),
                ),
                (
                    "max_daily_real_loss",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="Guardrail: real loss of one UTC day, in currency. Empty means off.",
                        max_digits=14,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                    ),
                ),
                (
                    "max_failed_signal_percentage",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="Guardrail: share of the last hour's signals that failed, of at least 20. Empty means off.",
                        max_digits=5,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0.01")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                (
                    "max_engine_flaps",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Guardrail: times an engine came back within the last hour. Empty means off.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                    ),
                ),
                ("note", models.TextField(blank=True, default="", help_text="What it is for.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("OPEN", "Open"),
                            ("SCHEDULED", "Scheduled"),
                            ("ACTIVATED", "Activated"),
                            ("REFUSED", "Refused"),
                            ("DISCARDED", "Discarded"),
                        ],
                        default="OPEN",
                        help_text="OPEN until settled.",
                        max_length=9,
                    ),
                ),
                (
                    "content_hash",
                    models.CharField(help_text="SHA-256 of the settings; approvals are of it.", max_length=64),
                ),
                ("created_by", models.CharField(help_text="Who started it.", max_length=150)),
                ("created_at", models.DateTimeField(help_text="UTC.")),
                ("edited_by", models.CharField(help_text="Who changed it last.", max_length=150)),
                ("edited_at", models.DateTimeField(help_text="UTC.")),
                (
                    "revision",
                    models.PositiveIntegerField(
                        default=1, help_text="Counts edits; a form of an older one is refused."
                    ),
                ),
                ("activation_reason", models.TextField(blank=True, default="", help_text="Why it comes into force.")),
                (
                    "activated_by",
                    models.CharField(blank=True, default="", help_text="Who ordered the activation.", max_length=150),
                ),
                ("scheduled_at", models.DateTimeField(blank=True, help_text="Comes into force then, UTC.", null=True)),
                (
                    "settled_at",
                    models.DateTimeField(
                        blank=True, help_text="When it was activated, refused or discarded.", null=True
                    ),
                ),
                ("refusal", models.TextField(blank=True, default="", help_text="Why it was refused.")),
                (
                    "activated_version",
                    models.OneToOneField(
                        blank=True,
                        help_text="What it became.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="draft",
                        to="policies.policyversion",
                    ),
                ),
                (
                    "base_version",
                    models.ForeignKey(
                        help_text="The version it started from.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drafts",
                        to="policies.policyversion",
                    ),
                ),
            ],
            options={
                "db_table": "policy_drafts",
                "ordering": ("-id",),
                "permissions": (
                    ("approve_policydraft", "Can approve another person's policy draft"),
                    ("activate_policydraft", "Can put a policy draft in force"),
                ),
            },
        ),
        migrations.CreateModel(
            name="PolicyApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("content_hash", models.CharField(help_text="What was approved.", max_length=64)),
                ("approved_by", models.CharField(help_text="Never an author of the draft.", max_length=150)),
                ("approved_at", models.DateTimeField(help_text="UTC.")),
                (
                    "draft",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="approvals", to="policies.policydraft"
                    ),
                ),
            ],
            options={
                "db_table": "policy_approvals",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="EngineAvailability",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_beat_at", models.DateTimeField(help_text="By the database clock, UTC.")),
                ("last_beat_at", models.DateTimeField(help_text="By the database clock, UTC.")),
                (
                    "available_until",
                    models.DateTimeField(help_text="Last beat plus the time to live then in force, UTC."),
                ),
                ("engine_version", models.CharField(help_text="As the engine said.", max_length=100)),
                (
                    "rules_hash",
                    models.CharField(help_text="As the engine said; a change starts a new stretch.", max_length=64),
                ),
                (
                    "engine",
                    models.ForeignKey(
                        db_column="engine",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stretches",
                        to="policies.engine",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "engine availability",
                "db_table": "engine_availability",
                "ordering": ("-first_beat_at",),
                "indexes": [models.Index(fields=["engine", "-last_beat_at"], name="engine_availability_latest")],
            },
        ),
        migrations.CreateModel(
            name="GuardrailTrip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="The setting whose limit was reached.", max_length=40)),
                ("value", models.CharField(help_text="What was measured, as text.", max_length=40)),
                ("limit", models.CharField(help_text="The limit of the policy version.", max_length=40)),
                ("tripped_at", models.DateTimeField(help_text="By the database clock, UTC.")),
                ("released_at", models.DateTimeField(blank=True, help_text="Empty while it holds, UTC.", null=True)),
                (
                    "released_by",
                    models.CharField(blank=True, default="", help_text="Who let trading go on.", max_length=150),
                ),
                ("release_reason", models.TextField(blank=True, default="", help_text="Why.")),
                (
                    "policy_version",
                    models.ForeignKey(
                        db_column="policy_version",
                        on_delete=django.db.models.deletion.PROTECT,
                        to="policies.policyversion",
                    ),
                ),
            ],
            options={
                "db_table": "guardrail_trips",
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=("name",),
                        name="guardrail_trips_one_open_per_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("released_at__isnull", True), ("released_by", "")),
                            models.Q(
                                ("released_at__isnull", False),
                                models.Q(("released_by", ""), _negated=True),
                                models.Q(("release_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="guardrail_trips_released_by_somebody",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="policydraft",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["OPEN", "SCHEDULED", "ACTIVATED", "REFUSED", "DISCARDED"])),
                name="policy_drafts_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="policydraft",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "SCHEDULED"), _negated=True),
                    models.Q(
                        ("scheduled_at__isnull", False),
                        models.Q(("activation_reason", ""), _negated=True),
                        models.Q(("activated_by", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="policy_drafts_scheduled_has_time_and_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="policydraft",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("activated_version__isnull", False), ("state", "ACTIVATED")),
                    models.Q(models.Q(("state", "ACTIVATED"), _negated=True), ("activated_version__isnull", True)),
                    _connector="OR",
                ),
                name="policy_drafts_activated_has_version",
            ),
        ),
        migrations.AddConstraint(
            model_name="policyapproval",
            constraint=models.UniqueConstraint(
                fields=("draft", "content_hash", "approved_by"), name="policy_approvals_once_per_person"
            ),
        ),
    ]
