"""What stops real trading: the kill switch and tripped guardrails."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from policies.core.settings import label_of
from policies.models.policy import PolicyVersion


class Halt(models.Model):
    """A halt of trading; until it is released, nothing new trades for real."""

    engaged_at = models.DateTimeField(help_text="UTC, database clock.")
    engaged_by = models.CharField(max_length=150, help_text="Who halted trading.")
    reason = models.TextField(help_text="Why trading was halted.")
    released_at = models.DateTimeField(null=True, blank=True, help_text="UTC; blank while it is in effect.")
    released_by = models.CharField(max_length=150, blank=True, default="", help_text="Who resumed trading.")
    release_reason = models.TextField(blank=True, default="", help_text="Why trading was resumed.")
    drill_seconds = models.DecimalField(
        max_digits=9,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="For a drill: seconds from the order until decisions saw the halt. Blank for a halt in earnest.",
    )

    class Meta:
        db_table = "halts"
        ordering = ("-engaged_at",)
        permissions = [("halt_trading", "Can halt and resume trading")]
        constraints = (
            # Every open halt has a NULL here, and PostgreSQL takes NULLs for different unless told otherwise: without
            # nulls_distinct any number of halts could be open, and one release would not resume trading.
            models.UniqueConstraint(
                fields=("released_at",),
                name="halts_one_open",
                nulls_distinct=False,
                condition=Q(released_at__isnull=True),
            ),
            models.CheckConstraint(name="halts_have_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                # Both states in full: neither half a release nor a name without a time can be stored.
                name="halts_released_by_somebody",
                condition=Q(released_at__isnull=True, released_by="")
                | Q(released_at__isnull=False) & ~Q(released_by="") & ~Q(release_reason=""),
            ),
        )

    def __str__(self) -> str:
        return f"halt {self.pk}: {self.reason}"


class GuardrailTrip(models.Model):
    """A guardrail that tripped; until an operator releases it, nothing trades for real."""

    name = models.CharField(max_length=40, help_text="The setting whose limit was reached.")
    value = models.CharField(max_length=40, help_text="The value that was measured.")
    limit = models.CharField(max_length=40, help_text="The limit set by the policy version.")
    policy_version = models.ForeignKey(
        PolicyVersion,
        on_delete=models.PROTECT,
        db_column="policy_version",
        help_text="The version that was active when it tripped.",
    )
    tripped_at = models.DateTimeField(help_text="UTC, database clock.")
    released_at = models.DateTimeField(null=True, blank=True, help_text="UTC; blank while it is in effect.")
    released_by = models.CharField(max_length=150, blank=True, default="", help_text="Who released it.")
    release_reason = models.TextField(blank=True, default="", help_text="Why it was released.")

    class Meta:
        db_table = "guardrail_trips"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                name="guardrail_trips_one_open_per_name", fields=("name",), condition=Q(released_at__isnull=True)
            ),
            models.CheckConstraint(
                name="guardrail_trips_released_by_somebody",
                condition=Q(released_at__isnull=True, released_by="")
                | (Q(released_at__isnull=False) & ~Q(released_by="") & ~Q(release_reason="")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.label}: {self.value} (limit {self.limit})"

    @property
    def label(self) -> str:
        """What people call the guardrail."""
        return label_of(self.name)
