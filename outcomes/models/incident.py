"""Rejected reports that must not be lost, and pairs that broke a rule of the comparison."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from policies.models import EngineName


class IncidentKind(models.TextChoices):
    """What the engine attempted."""

    DOUBLE_EXECUTION_PREVENTED = "double_execution_prevented"
    UNPERMITTED_REAL_TRADE = "unpermitted_real_trade"
    PERMIT_EXPIRED = "permit_expired"
    CONFLICTING_REPORT = "conflicting_report"


class Incident(models.Model):
    """A report that was rejected but must not be lost: an operator should look at it."""

    kind = models.CharField(max_length=30, choices=IncidentKind, help_text="What the engine attempted.")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="incidents")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="The engine that sent the report.")
    detail = models.TextField(help_text="Why the report was rejected.")
    report = CanonicalJSONField(help_text="The rejected report, as sent.")
    report_hash = models.CharField(max_length=64, help_text="SHA-256 of the report; repeats are stored once.")
    occurred_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        db_table = "incidents"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="incidents_kind_known", condition=Q(kind__in=IncidentKind.values)),
            models.CheckConstraint(name="incidents_engine_known", condition=Q(engine__in=EngineName.values)),
            models.UniqueConstraint(
                name="incidents_once_per_report", fields=("experiment", "engine", "kind", "report_hash")
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} by {self.engine}"


class ViolationName(models.TextChoices):
    """Rules of R4.5 that a pair of real and shadow trade can break."""

    CONTEXT_HASH_DIFFERS = "CONTEXT_HASH_DIFFERS"
    RULES_HASH_DIFFERS = "RULES_HASH_DIFFERS"
    LATE_ENTRY = "LATE_ENTRY"
    EXIT_TIME_DIFFERS = "EXIT_TIME_DIFFERS"
    CONDITIONS_HASH_DIFFERS = "CONDITIONS_HASH_DIFFERS"
    INSTRUMENT_DIFFERS = "INSTRUMENT_DIFFERS"
    PNL_DIFFERS = "PNL_DIFFERS"


class Violation(models.Model):
    """One broken rule of one pair; such a pair is left out of the headline comparison (R4.5)."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="violations")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="The engine whose trade broke the rule.")
    name = models.CharField(max_length=24, choices=ViolationName, help_text="The broken rule.")
    detail = models.TextField(help_text="What was expected, and what was found.")
    found_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        db_table = "pair_violations"
        verbose_name = "pair violation"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(name="pair_violations_once_per_name", fields=("experiment", "engine", "name")),
            models.CheckConstraint(name="pair_violations_name_known", condition=Q(name__in=ViolationName.values)),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.engine}"
