"""Rejected reports that must not be lost, what operators found out, and pairs that broke a rule of the comparison."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from outcomes.core.trades import PNL, PairRule
from policies.models import EngineName

ACKNOWLEDGE_INCIDENTS = "outcomes.acknowledge_incident"
RULE_CHOICES = [(rule.value, rule.value.replace("_", " ").title()) for rule in PairRule]


class IncidentKind(models.TextChoices):
    """What the engine attempted."""

    DOUBLE_EXECUTION_PREVENTED = "double_execution_prevented"
    CONFLICTING_REPORT = "conflicting_report"
    UNBOOKABLE_REPORT = "unbookable_report"
    RECOMMENDATION_MISSING = "recommendation_missing"


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
        permissions = (("acknowledge_incident", "Can acknowledge incidents"),)
        constraints = (
            models.CheckConstraint(name="incidents_kind_known", condition=Q(kind__in=IncidentKind.values)),
            models.CheckConstraint(name="incidents_engine_known", condition=Q(engine__in=EngineName.values)),
            # An engine that retries a refused report for hours makes one incident, not thousands.
            models.UniqueConstraint(
                name="incidents_once_per_report", fields=("experiment", "engine", "kind", "report_hash")
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} by {self.engine}"


class IncidentAcknowledgement(models.Model):
    """What an operator found out about an incident, written once: how the stray trade was closed, and at what P&L."""

    incident = models.OneToOneField(
        Incident, on_delete=models.PROTECT, primary_key=True, related_name="acknowledgement"
    )
    closing = models.TextField(help_text="How the stray trade was closed, or why there was none.")
    pnl = models.DecimalField(
        **PNL, null=True, blank=True, help_text="P&L of the stray trade; blank if nothing was traded."
    )
    currency = models.CharField(max_length=10, blank=True, default="", help_text="Currency of the P&L.")
    acknowledged_by = models.CharField(max_length=150, help_text="The operator.")
    acknowledged_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        db_table = "incident_acknowledgements"
        ordering = ("-acknowledged_at",)
        constraints = (
            models.CheckConstraint(
                name="incident_acknowledgements_by_somebody", condition=~Q(acknowledged_by="") & ~Q(closing="")
            ),
            models.CheckConstraint(
                name="incident_acknowledgements_pnl_has_a_currency",
                condition=Q(pnl__isnull=True, currency="") | Q(pnl__isnull=False) & ~Q(currency=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.incident_id} by {self.acknowledged_by}"


class Violation(models.Model):
    """One broken rule of one pair; such a pair is left out of the headline comparison (R4.5)."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="violations")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="The engine whose trade broke the rule.")
    name = models.CharField(max_length=30, choices=RULE_CHOICES, help_text="The broken rule.")
    detail = models.TextField(help_text="What was expected, and what was found.")
    found_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        db_table = "pair_violations"
        verbose_name = "pair violation"
        ordering = ("-id",)
        constraints = (
            # What `ignore_conflicts` relies on: a pair is checked again after each exit.
            models.UniqueConstraint(name="pair_violations_once_per_name", fields=("experiment", "engine", "name")),
            models.CheckConstraint(
                name="pair_violations_name_known", condition=Q(name__in=[name for name, _ in RULE_CHOICES])
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.engine}"
