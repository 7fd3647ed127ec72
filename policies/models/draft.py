"""Policies in preparation, and who approved them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from policies.models.policy import PolicyContent, PolicyVersion


class DraftState(models.TextChoices):
    """What has become of a draft. REFUSED: due, but approval was missing or another version had been activated."""

    OPEN = "OPEN"
    SCHEDULED = "SCHEDULED"
    ACTIVATED = "ACTIVATED"
    REFUSED = "REFUSED"
    DISCARDED = "DISCARDED"


class PolicyDraft(PolicyContent):
    """A policy in preparation; it is not active."""

    base_version = models.ForeignKey(
        PolicyVersion,
        on_delete=models.PROTECT,
        related_name="drafts",
        help_text="The version it was created from, or rebased onto.",
    )
    note = models.TextField(blank=True, default="", help_text="Why the policy changes.")
    evidence = models.TextField(
        blank=True, default="", help_text="What the change rests on: an evaluation, a kept report, a link."
    )
    state = models.CharField(
        max_length=9,
        choices=DraftState,
        default=DraftState.OPEN,
        help_text="OPEN until it is scheduled, activated, refused or discarded.",
    )
    content_hash = models.CharField(
        max_length=64, help_text="SHA-256 of the settings; an approval holds for one content hash."
    )
    created_by = models.CharField(max_length=150, help_text="Who created it.")
    created_at = models.DateTimeField(help_text="UTC.")
    authors = models.JSONField(default=list, help_text="Everyone who has edited it; authors cannot approve.")
    writers = models.JSONField(default=list, help_text="The same by account, which stays whatever it is called.")
    edited_by = models.CharField(max_length=150, help_text="Who edited it last.")
    edited_at = models.DateTimeField(help_text="UTC.")
    revision = models.PositiveIntegerField(
        default=1, help_text="Number of edits; a form with an older revision is rejected."
    )
    activation_reason = models.TextField(blank=True, default="", help_text="Why it is activated.")
    activated_by = models.CharField(max_length=150, blank=True, default="", help_text="Who activated or scheduled it.")
    scheduled_at = models.DateTimeField(null=True, blank=True, help_text="When it activates automatically, UTC.")
    settled_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was activated, refused or discarded, UTC."
    )
    refusal = models.TextField(blank=True, default="", help_text="Why it was refused or discarded.")
    activated_version = models.OneToOneField(
        PolicyVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="draft",
        help_text="The version it was activated as.",
    )

    class Meta:
        db_table = "policy_drafts"
        ordering = ("-id",)
        permissions = (
            ("approve_policydraft", "Can approve another person's policy draft"),
            ("activate_policydraft", "Can activate a policy draft"),
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
    """One person's approval of one content of a draft; an edit voids it."""

    draft = models.ForeignKey(
        PolicyDraft, on_delete=models.PROTECT, related_name="approvals", help_text="The draft that was approved."
    )
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the settings that were approved.")
    approved_by = models.CharField(max_length=150, help_text="Never an author of the draft.")
    approver = models.CharField(max_length=160, help_text="The same by account, which stays whatever it is called.")
    approved_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        db_table = "policy_approvals"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(name="policy_approvals_once_each", fields=("draft", "content_hash", "approver")),
            models.CheckConstraint(name="policy_approvals_have_an_approver", condition=~Q(approver="")),
        )

    def __str__(self) -> str:
        return f"{self.approved_by} approved {self.content_hash[:12]}"
