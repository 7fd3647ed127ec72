"""Tables of the control plane: drafts and their approval, guardrails, availability, and who did what."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from kernel.instants import instant_text
from policies.models import Engine, EngineName, PolicyContent, PolicyVersion


class DraftState(models.TextChoices):
    """Where a draft stands. REFUSED: due, but another version had come into force."""

    OPEN = "OPEN"
    SCHEDULED = "SCHEDULED"
    ACTIVATED = "ACTIVATED"
    REFUSED = "REFUSED"
    DISCARDED = "DISCARDED"


class PolicyDraft(PolicyContent):
    """A policy that is being prepared; it is not in force."""

    base_version = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, related_name="drafts", help_text="The version it started from."
    )
    note = models.TextField(blank=True, default="", help_text="What it is for.")
    state = models.CharField(max_length=9, choices=DraftState, default=DraftState.OPEN, help_text="OPEN until settled.")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the settings; approvals are of it.")
    created_by = models.CharField(max_length=150, help_text="Who started it.")
    created_at = models.DateTimeField(help_text="UTC.")
    authors = models.JSONField(default=list, help_text="Everybody who has written on it; none of them may approve it.")
    edited_by = models.CharField(max_length=150, help_text="Who changed it last.")
    edited_at = models.DateTimeField(help_text="UTC.")
    revision = models.PositiveIntegerField(default=1, help_text="Counts edits; a form of an older one is refused.")
    activation_reason = models.TextField(blank=True, default="", help_text="Why it comes into force.")
    activated_by = models.CharField(max_length=150, blank=True, default="", help_text="Who ordered the activation.")
    scheduled_at = models.DateTimeField(null=True, blank=True, help_text="Comes into force then, UTC.")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it was activated, refused or discarded.")
    refusal = models.TextField(blank=True, default="", help_text="Why it was refused.")
    activated_version = models.OneToOneField(
        PolicyVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="draft",
        help_text="What it became.",
    )

    class Meta:
        db_table = "policy_drafts"
        ordering = ("-id",)
        permissions = (
            ("approve_policydraft", "Can approve another person's policy draft"),
            ("activate_policydraft", "Can put a policy draft in force"),
        )
        constraints = (
            models.CheckConstraint(name="policy_drafts_state_known", condition=Q(state__in=DraftState.values)),
            models.CheckConstraint(
                name="policy_drafts_scheduled_has_time_and_reason",
                condition=~Q(state="SCHEDULED")
                | (Q(scheduled_at__isnull=False) & ~Q(activation_reason="") & ~Q(activated_by="")),
            ),
            models.CheckConstraint(
                name="policy_drafts_activated_has_version",
                condition=Q(state="ACTIVATED", activated_version__isnull=False)
                | (~Q(state="ACTIVATED") & Q(activated_version__isnull=True)),
            ),
        )

    def __str__(self) -> str:
        return f"draft {self.pk} of v{self.base_version_id}"


class PolicyApproval(models.Model):
    """Somebody's word for exactly one content of a draft; an edit makes another content."""

    draft = models.ForeignKey(PolicyDraft, on_delete=models.PROTECT, related_name="approvals")
    content_hash = models.CharField(max_length=64, help_text="What was approved.")
    approved_by = models.CharField(max_length=150, help_text="Never an author of the draft.")
    approved_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        db_table = "policy_approvals"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                name="policy_approvals_once_per_person", fields=("draft", "content_hash", "approved_by")
            ),
        )

    def __str__(self) -> str:
        return f"{self.approved_by} approved {self.content_hash[:12]}"


class GuardrailTrip(models.Model):
    """A guardrail that has tripped; until an operator releases it nothing trades for real."""

    name = models.CharField(max_length=40, help_text="The setting whose limit was reached.")
    value = models.CharField(max_length=40, help_text="What was measured, as text.")
    limit = models.CharField(max_length=40, help_text="The limit of the policy version.")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, db_column="policy_version")
    tripped_at = models.DateTimeField(help_text="By the database clock, UTC.")
    released_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it holds, UTC.")
    released_by = models.CharField(max_length=150, blank=True, default="", help_text="Who let trading go on.")
    release_reason = models.TextField(blank=True, default="", help_text="Why.")

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
        return f"{self.name}: {self.value} (limit {self.limit})"


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


class AuditEntry(models.Model):
    """Who changed what of the policy, when, why and from where; append-only."""

    at = models.DateTimeField(help_text="By the database clock, UTC.")
    actor = models.CharField(max_length=150, help_text="User name, or the command line's user.")
    action = models.CharField(max_length=40, help_text="What was done, such as policy.activated.")
    subject = models.CharField(max_length=100, help_text="To what, such as policy version 7.")
    reason = models.TextField(blank=True, default="", help_text="Why, in the actor's words.")
    address = models.CharField(max_length=45, blank=True, default="", help_text="Network address; empty for commands.")

    class Meta:
        db_table = "audit_log"
        verbose_name_plural = "audit entries"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
