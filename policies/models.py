"""Tables for who may trade for real."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from rest_framework_api_key.models import AbstractAPIKey


class ConfiguredMode(models.TextChoices):
    """What an operator may configure."""

    AUTO = "AUTO"
    SHADOW_ONLY = "SHADOW_ONLY"
    ENGINE_A_PRIMARY = "ENGINE_A_PRIMARY"
    ENGINE_B_PRIMARY = "ENGINE_B_PRIMARY"
    SPLIT_CAPITAL = "SPLIT_CAPITAL"


class PolicyContent(models.Model):
    """The settings that make up a policy: everything that its content hash covers."""

    configured_mode = models.CharField(
        max_length=16,
        choices=ConfiguredMode,
        help_text="AUTO: engine A trades for real in PAPER mode. SPLIT_CAPITAL: the variant of each signal does.",
    )
    split_percentage = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        validators=(MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))),
        help_text="Share of signals assigned to engine A, 0 to 100.",
    )
    heartbeat_ttl_seconds = models.PositiveIntegerField(
        default=60,
        validators=(MinValueValidator(1), MaxValueValidator(86400)),
        help_text="An engine is available this long after its last heartbeat.",
    )
    permit_ttl_seconds = models.PositiveIntegerField(
        default=300,
        validators=(MinValueValidator(1), MaxValueValidator(86400)),
        help_text="A real trade must be entered this soon after its role was revealed.",
    )
    max_market_data_age_seconds = models.PositiveIntegerField(
        default=900,
        validators=(MaxValueValidator(604800),),
        help_text="Pushed market data older than this at the signal's time is left out of the context.",
    )
    entry_window_seconds = models.PositiveIntegerField(
        default=300,
        validators=(MaxValueValidator(604800),),
        help_text="Real and shadow entry further apart than this are a LATE_ENTRY violation.",
    )
    exit_directive_ttl_seconds = models.PositiveIntegerField(
        default=3600,
        validators=(MinValueValidator(1), MaxValueValidator(2592000)),
        help_text="A shadow exit that nobody has priced by then becomes UNPRICED.",
    )
    live_enabled = models.BooleanField(
        default=False, help_text="Without it nothing trades for real while APP_MODE is LIVE."
    )
    max_consecutive_real_losses = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=(MinValueValidator(1), MaxValueValidator(1000)),
        help_text="Guardrail: after this many real losses in a row nothing trades for real. Empty means off.",
    )
    max_daily_real_loss = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        validators=(MinValueValidator(Decimal("0.01")),),
        help_text="Guardrail: real loss of one UTC day, in currency. Empty means off.",
    )
    max_failed_signal_percentage = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=(MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))),
        help_text="Guardrail: share of the last hour's signals that failed, of at least 20. Empty means off.",
    )
    max_engine_flaps = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=(MinValueValidator(1), MaxValueValidator(1000)),
        help_text="Guardrail: times an engine came back within the last hour. Empty means off.",
    )

    class Meta:
        abstract = True


class PolicyVersion(PolicyContent):
    """One immutable version; the highest version is in force (R3.6, R6.5, R12.2)."""

    version = models.PositiveIntegerField(primary_key=True, help_text="1, 2, 3 and so on.")
    base_version = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="successor",
        help_text="The version it was edited from; each has one successor, so two edits cannot both win.",
    )
    note = models.TextField(help_text="Why this version exists.")
    created_by = models.CharField(max_length=150, help_text="User name, or `environment` for the first version.")
    activated_at = models.DateTimeField(help_text="In force from here on, UTC.")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the settings.")

    class Meta:
        db_table = "policy_versions"
        ordering = ("-version",)
        constraints = (
            models.CheckConstraint(
                name="policy_versions_mode_known", condition=Q(configured_mode__in=ConfiguredMode.values)
            ),
            models.CheckConstraint(
                name="policy_versions_split_0_to_100",
                condition=Q(split_percentage__gte=0, split_percentage__lte=100),
            ),
            models.CheckConstraint(
                name="policy_versions_ttls_positive",
                condition=Q(heartbeat_ttl_seconds__gte=1, permit_ttl_seconds__gte=1, exit_directive_ttl_seconds__gte=1),
            ),
            models.CheckConstraint(
                name="policy_versions_follow_their_base",
                condition=Q(version=1, base_version__isnull=True)
                | Q(version=F("base_version_id") + 1, base_version__isnull=False),
            ),
            models.CheckConstraint(name="policy_versions_have_a_note", condition=~Q(note="")),
            # What an experiment's composite foreign key (policy_version, split_percentage) points at.
            models.UniqueConstraint(name="policy_versions_version_and_split", fields=("version", "split_percentage")),
        )

    def __str__(self) -> str:
        return f"v{self.version} {self.configured_mode}"


class EngineName(models.TextChoices):
    """The two engines."""

    A = "A"
    B = "B"


class Engine(models.Model):
    """What is known of one engine; one row each, made by migration."""

    name = models.CharField(max_length=1, primary_key=True, choices=EngineName, help_text="A or B.")
    enabled = models.BooleanField(default=True, help_text="An operator may switch an engine off.")
    disabled_reason = models.TextField(blank=True, default="", help_text="Why it is off, who did it.")
    last_heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="By the database clock, UTC.")
    engine_version = models.CharField(max_length=100, blank=True, default="", help_text="As the engine says.")
    rules_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of its entry and exit rules, as registered."
    )

    class Meta:
        db_table = "engines"
        ordering = ("name",)
        constraints = (models.CheckConstraint(name="engines_name_known", condition=Q(name__in=EngineName.values)),)

    def __str__(self) -> str:
        return f"Engine {self.name}"


class Halt(models.Model):
    """One pull of the kill switch; while a row has no release, nothing new trades for real."""

    engaged_at = models.DateTimeField(help_text="By the database clock, UTC.")
    engaged_by = models.CharField(max_length=150, help_text="Who stopped.")
    reason = models.TextField(help_text="Why.")
    released_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it holds, UTC.")
    released_by = models.CharField(max_length=150, blank=True, default="", help_text="Who released it.")
    release_reason = models.TextField(blank=True, default="", help_text="Why it was released.")

    class Meta:
        db_table = "halts"
        ordering = ("-engaged_at",)
        permissions = [("halt_trading", "Can pull and release the kill switch")]
        constraints = (
            models.UniqueConstraint(
                fields=("released_at",),
                name="halts_one_open",
                nulls_distinct=False,
                condition=Q(released_at__isnull=True),
            ),
            models.CheckConstraint(name="halts_have_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="halts_released_by_somebody",
                condition=Q(released_at__isnull=True, released_by="")
                | Q(released_at__isnull=False) & ~Q(released_by="") & ~Q(release_reason=""),
            ),
        )

    def __str__(self) -> str:
        return f"halt {self.pk}: {self.reason}"


class KeyOwner(models.TextChoices):
    """Who an API key speaks for."""

    ENGINE_A = "engine-a"
    ENGINE_B = "engine-b"
    FEEDER = "feeder"
    ANALYST = "analyst"


class ApiKey(AbstractAPIKey):
    """A key of the engine API; only its hash is kept."""

    owner = models.CharField(max_length=8, choices=KeyOwner, help_text="What the key may do.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute, UTC.")

    class Meta(AbstractAPIKey.Meta):
        db_table = "api_keys"
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = (models.CheckConstraint(name="api_keys_owner_known", condition=Q(owner__in=KeyOwner.values)),)


from policies.control_models import (  # noqa: E402 (they build on the models above)
    AuditEntry,
    EngineAvailability,
    EngineSwitch,
    GuardrailTrip,
    PolicyApproval,
    PolicyDraft,
)

__all__ = [
    "ApiKey",
    "AuditEntry",
    "ConfiguredMode",
    "Engine",
    "EngineAvailability",
    "EngineName",
    "EngineSwitch",
    "GuardrailTrip",
    "Halt",
    "KeyOwner",
    "PolicyApproval",
    "PolicyContent",
    "PolicyDraft",
    "PolicyVersion",
]
