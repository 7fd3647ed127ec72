"""What an engine recommended without knowing its role, and the role that it was shown afterwards."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from experiments.core.explanation import STALE_ANSWER
from experiments.models import REASON_CHOICES, Experiment
from kernel.fields import CanonicalJSONField
from kernel.values import instant_text
from policies.models import EngineName

ROLE_REASON_CHOICES = [*REASON_CHOICES, (STALE_ANSWER, STALE_ANSWER)]


class Action(models.TextChoices):
    """Whether the engine wants the trade."""

    OPEN = "OPEN"
    DECLINE = "DECLINE"


class Role(models.TextChoices):
    """How the engine may trade it."""

    REAL = "REAL"
    SHADOW = "SHADOW"


class Recommendation(models.Model):
    """Exactly one answer per engine and experiment, kept byte for byte (R7.5).

    `recommendation` is text, not `jsonb`: it holds the very characters the engine sent.
    """

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="recommendations")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    context_hash = models.CharField(max_length=64, help_text="SHA-256 of the context that the engine says it used.")
    action = models.CharField(max_length=7, choices=Action, help_text="OPEN or DECLINE.")
    strategy_version = models.CharField(max_length=100, help_text="As reported by the engine.")
    rules_hash = models.CharField(max_length=64, help_text="SHA-256 of its rules, as reported by the engine.")
    registered_rules_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="What its heartbeat had registered when it answered."
    )
    recommendation = models.TextField(help_text="JSON, exactly as sent.")
    plan = CanonicalJSONField(
        null=True,
        blank=True,
        help_text="What it would trade, said before it knew its role: legs, quantity, multiplier, currency, risk.",
    )
    request_hash = models.CharField(max_length=64, help_text="SHA-256 of the normalised request; identifies a repeat.")
    recommended_at = models.DateTimeField(help_text="Database clock, UTC.")
    role = models.CharField(max_length=6, choices=Role, help_text="Revealed after the recommendation was stored.")
    role_reason = models.CharField(
        max_length=24, choices=ROLE_REASON_CHOICES, help_text="The decision's reason, HALTED or STALE_ANSWER."
    )
    permit_expires_at = models.DateTimeField(
        null=True, blank=True, help_text="A real trade must be entered by this time, UTC."
    )

    # Whether trading is halted as it is answered; not stored, as a repeated answer tells the present state.
    halted: bool

    class Meta:
        db_table = "recommendations"
        ordering = ("-id",)
        # What may still be opened is asked for by feeders all the time.
        indexes = (
            models.Index(name="recommendations_to_open", fields=("recommended_at",), condition=Q(action="OPEN")),
            BrinIndex(name="recommendations_made", fields=("recommended_at",), autosummarize=True),
        )
        constraints = (
            # A second answer could be made knowing the role.
            models.UniqueConstraint(name="recommendations_one_per_engine", fields=("experiment", "engine")),
            # What a trade's composite foreign key points at: the revealed role.
            models.UniqueConstraint(
                name="recommendations_experiment_engine_role", fields=("experiment", "engine", "role")
            ),
            models.CheckConstraint(name="recommendations_engine_known", condition=Q(engine__in=EngineName.values)),
            models.CheckConstraint(name="recommendations_action_known", condition=Q(action__in=Action.values)),
            models.CheckConstraint(name="recommendations_role_known", condition=Q(role__in=Role.values)),
            models.CheckConstraint(
                name="recommendations_stale_answers_are_shadows",
                condition=~Q(role_reason=STALE_ANSWER) | Q(role="SHADOW"),
            ),
            models.CheckConstraint(
                # Without a plan nothing would say later what was meant to be traded.
                name="recommendations_openings_have_a_plan",
                condition=Q(action="OPEN", plan__isnull=False) | Q(action="DECLINE", plan__isnull=True),
            ),
            models.CheckConstraint(
                name="recommendations_permit_for_real_openings_only",
                condition=Q(role="REAL", action="OPEN", permit_expires_at__isnull=False)
                | (~Q(role="REAL", action="OPEN") & Q(permit_expires_at__isnull=True)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.engine} {self.action} {self.role}"


class Permit(models.Model):
    """Leave to trade one experiment for real, revealed with the role REAL to an engine that wants to open.

    One per experiment, so that never two engines hold one. A halt revokes it without touching it: whether it is in
    force is judged anew each time the engine asks, and an entry after a halt needs a confirmation from after it.
    """

    experiment = models.OneToOneField(Experiment, on_delete=models.PROTECT, primary_key=True, related_name="permit")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="The engine that may trade for real.")
    revealed_at = models.DateTimeField(help_text="When its role was revealed: database clock, UTC.")
    expires_at = models.DateTimeField(help_text="A real trade must be entered by this time, UTC.")
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the engine last confirmed it before its trade; blank if it never did."
    )

    class Meta:
        db_table = "permits"
        ordering = ("-revealed_at",)
        indexes = (BrinIndex(name="permits_confirmed", fields=("confirmed_at",), autosummarize=True),)
        constraints = (
            models.CheckConstraint(
                name="permits_confirmed_while_in_force",
                condition=Q(confirmed_at__isnull=True)
                | Q(confirmed_at__gte=F("revealed_at"), confirmed_at__lte=F("expires_at")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.engine} until {instant_text(self.expires_at)}"
