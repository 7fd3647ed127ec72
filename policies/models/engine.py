"""The two engines, and the history of their availability."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from kernel.fields import CanonicalJSONField
from kernel.values import instant_text


class EngineName(models.TextChoices):
    """The two engines."""

    A = "A"
    B = "B"


class Engine(models.Model):
    """An engine as it last reported; the two rows are created by migrate."""

    name = models.CharField(max_length=1, primary_key=True, choices=EngineName, help_text="A or B.")
    enabled = models.BooleanField(default=True, help_text="Disabled, the engine is unavailable whatever it reports.")
    disabled_reason = models.TextField(blank=True, default="", help_text="Why it is disabled, and by whom.")
    last_heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="UTC, database clock.")
    engine_version = models.CharField(max_length=100, blank=True, default="", help_text="As reported by the engine.")
    rules_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of its entry and exit rules, as reported by the engine.",
    )

    model = CanonicalJSONField(
        null=True,
        blank=True,
        help_text="Model, prompt and tool versions, as the last heartbeat named them; empty when it named none.",
    )

    class Meta:
        db_table = "engines"
        ordering = ("name",)
        constraints = (models.CheckConstraint(name="engines_name_known", condition=Q(name__in=EngineName.values)),)

    def __str__(self) -> str:
        return f"Engine {self.name}"


class EngineAvailability(models.Model):
    """A stretch of time in which heartbeats came without a gap; it tells whether an engine was available."""

    engine = models.ForeignKey(Engine, on_delete=models.PROTECT, db_column="engine", related_name="stretches")
    first_heartbeat_at = models.DateTimeField(help_text="UTC, database clock.")
    last_heartbeat_at = models.DateTimeField(help_text="UTC, database clock.")
    available_until = models.DateTimeField(help_text="Last heartbeat plus the time to live of that time, UTC.")
    engine_version = models.CharField(max_length=100, help_text="As reported by the engine.")
    rules_hash = models.CharField(max_length=64, help_text="As reported by the engine; a change starts a new period.")

    class Meta:
        db_table = "engine_availability"
        verbose_name_plural = "engine availability"
        ordering = ("-first_heartbeat_at",)
        # heartbeat.sql reads the latest stretch at every heartbeat, under the lock that decisions wait for.
        indexes = (models.Index(name="engine_availability_latest", fields=("engine", "-last_heartbeat_at")),)

    def __str__(self) -> str:
        return f"{self.engine_id} {instant_text(self.first_heartbeat_at)}"


class EngineErrors(models.Model):
    """How often an engine was answered with an error on one day: a row for each code, whatever an engine sends."""

    # The unique key finds it; nothing asks for the errors of an engine by any other way.
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    day = models.DateField(help_text="UTC, database clock.")
    code = models.CharField(max_length=50, help_text="As in the answer; docs/errors.md says what to do.")
    count = models.BigIntegerField(help_text="Number of answers with this code.")

    class Meta:
        db_table = "engine_errors"
        verbose_name_plural = "engine errors"
        ordering = ("-day", "engine", "code")
        constraints = (
            models.UniqueConstraint(name="engine_errors_one_per_day", fields=("engine", "day", "code")),
            models.CheckConstraint(name="engine_errors_engine_known", condition=Q(engine__in=EngineName.values)),
            models.CheckConstraint(name="engine_errors_counted", condition=Q(count__gte=1)),
        )

    def __str__(self) -> str:
        return f"{self.engine} {self.day} {self.code}: {self.count}"


class EngineSwitch(models.Model):
    """An operator disabled or enabled an engine."""

    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    enabled = models.BooleanField(help_text="Whether the engine was enabled or disabled.")
    reason = models.TextField(help_text="Why.")
    switched_by = models.CharField(max_length=150, help_text="Who disabled or enabled it.")
    switched_at = models.DateTimeField(help_text="UTC, database clock.")

    class Meta:
        db_table = "engine_switches"
        verbose_name_plural = "engine switches"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.engine} {'enabled' if self.enabled else 'disabled'}"
