"""The two engines, and what is known of their availability."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from kernel.values import instant_text


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


class EngineAvailability(models.Model):
    """A stretch of time in which heartbeats came without a gap; how availability is known of the past."""

    engine = models.ForeignKey(Engine, on_delete=models.PROTECT, db_column="engine", related_name="stretches")
    first_beat_at = models.DateTimeField(help_text="By the database clock, UTC.")
    last_beat_at = models.DateTimeField(help_text="By the database clock, UTC.")
    available_until = models.DateTimeField(help_text="Last beat plus the time to live then in force, UTC.")
    engine_version = models.CharField(max_length=100, help_text="As the engine said.")
    rules_hash = models.CharField(max_length=64, help_text="As the engine said; a change starts a new stretch.")

    class Meta:
        db_table = "engine_availability"
        verbose_name_plural = "engine availability"
        ordering = ("-first_beat_at",)
        indexes = (models.Index(name="engine_availability_latest", fields=("engine", "-last_beat_at")),)

    def __str__(self) -> str:
        return f"{self.engine_id} {instant_text(self.first_beat_at)}"


class EngineSwitch(models.Model):
    """An operator switched an engine on or off."""

    engine = models.CharField(max_length=1, choices=EngineName)
    enabled = models.BooleanField()
    reason = models.TextField()
    switched_by = models.CharField(max_length=150)
    switched_at = models.DateTimeField(help_text="By the database clock, UTC.")

    class Meta:
        db_table = "engine_switches"
        verbose_name_plural = "engine switches"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.engine} {'on' if self.enabled else 'off'}"
