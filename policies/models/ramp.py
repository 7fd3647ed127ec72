"""Ramps: a schedule of versions, approved as a whole."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from policies.core.ramps import RampPlan
from policies.models.policy import PolicyVersion


class RampState(models.TextChoices):
    """What has become of a ramp. STOPPED: the settings before it are back, or somebody else has changed the policy."""

    OPEN = "OPEN"
    RUNNING = "RUNNING"
    DONE = "DONE"
    STOPPED = "STOPPED"


class PolicyRamp(models.Model):
    """Engine B's share of real trades, raised step by step; each step is a policy version like any other."""

    base_version = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, related_name="ramps", help_text="The version whose settings it keeps."
    )
    shares = models.JSONField(help_text="Engine B's share at each step, in percent.")
    hold_hours = models.PositiveIntegerField(help_text="Hours that each step lasts at least.")
    min_trades = models.PositiveIntegerField(help_text="Real trades of engine B that each step closes at least.")
    max_loss = models.DecimalField(
        max_digits=14, decimal_places=2, help_text="Net real loss of engine B at one step that stops the ramp."
    )
    note = models.TextField(help_text="Why the share is raised.")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of plan and settings; what is approved.")
    state = models.CharField(max_length=7, choices=RampState, default=RampState.OPEN, help_text="OPEN until it starts.")
    step = models.PositiveIntegerField(null=True, blank=True, help_text="The present step, from 0; blank before.")
    current_version = models.OneToOneField(
        PolicyVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ramp",
        help_text="The version of the present step.",
    )
    created_by = models.CharField(max_length=150, help_text="Who planned it.")
    planner = models.CharField(max_length=160, help_text="The same by account, which stays whatever it is called.")
    created_at = models.DateTimeField(help_text="UTC.")
    approved_by = models.CharField(max_length=150, blank=True, default="", help_text="Never who planned it.")
    approver = models.CharField(
        max_length=160, blank=True, default="", help_text="The same by account, which stays whatever it is called."
    )
    approved_at = models.DateTimeField(null=True, blank=True, help_text="UTC.")
    started_by = models.CharField(max_length=150, blank=True, default="", help_text="Who started it.")
    outcome = models.TextField(blank=True, default="", help_text="What it waits for, or how it ended.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="UTC; blank while it is open or running.")

    class Meta:
        db_table = "policy_ramps"
        ordering = ("-id",)
        default_permissions = ("view",)
        constraints = (
            models.CheckConstraint(name="policy_ramps_state_known", condition=Q(state__in=RampState.values)),
            models.CheckConstraint(
                name="policy_ramps_approved_by_another", condition=~Q(planner="") & ~Q(approver=F("planner"))
            ),
            # One constant for every running ramp: two would pull the split to and fro.
            models.UniqueConstraint(
                name="policy_ramps_one_running", fields=("state",), condition=Q(state=RampState.RUNNING)
            ),
            models.CheckConstraint(
                name="policy_ramps_running_has_a_step",
                condition=~Q(state=RampState.RUNNING) | Q(step__isnull=False, current_version__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"ramp {self.pk} from v{self.base_version_id}"

    @property
    def share(self) -> str | None:
        """Engine B's share at the present step, in percent; None before it was started."""
        return None if self.step is None else str(self.shares[self.step])

    @property
    def next_share(self) -> str | None:
        """That of the next step; None at the last one."""
        following = self.shares[0 if self.step is None else self.step + 1 :]
        return str(following[0]) if following else None

    @property
    def plan(self) -> RampPlan:
        """The plan as the pure core takes it."""
        shares = tuple(Decimal(share) for share in self.shares)
        return RampPlan(shares, self.hold_hours, self.min_trades, Decimal(self.max_loss))
