"""What every app may write: the audit log, what operators have seen of what asks for attention, and what users keep."""

from __future__ import annotations

from django.conf import settings
from django.db import models

# Actions by which proofs are kept.
PROOFS = ("proof.replayed", "proof.verified")


class AuditEntry(models.Model):
    """Who changed what, when, why and from where; append-only."""

    at = models.DateTimeField(help_text="By the database clock, UTC.")
    actor = models.CharField(max_length=150, help_text="User name, or the command line's user.")
    account_id = models.IntegerField(
        null=True,
        blank=True,
        help_text="The actor's account, which may be called otherwise by now; blank for commands.",
    )
    action = models.CharField(max_length=40, help_text="What was done, such as policy.activated.")
    subject = models.CharField(max_length=100, help_text="What it was done to, such as policy version 7.")
    reason = models.TextField(blank=True, default="", help_text="Why, in the actor's words.")
    changes = models.JSONField(
        default=dict, blank=True, help_text="What was changed, by name: the value before and the value after, as text."
    )
    address = models.CharField(max_length=45, blank=True, default="", help_text="Network address; empty for commands.")

    class Meta:
        db_table = "audit_log"
        verbose_name_plural = "audit entries"
        # By the key: it rises with time and has an index.
        ordering = ("-id",)
        indexes = (
            # The last few of a kind that is rare among a million log-ins.
            models.Index(name="audit_log_proofs", fields=("-id",), condition=models.Q(action__in=PROOFS)),
            # Whoever takes the log away reads it by time, page by page.
            models.Index(name="audit_log_at", fields=("at", "id")),
            # Entries about one kind of object, by the beginning of their action; most are log-ins.
            models.Index(
                name="audit_log_action", fields=("action", "id"), opclasses=("varchar_pattern_ops", "int8_ops")
            ),
        )

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"


class AttentionMark(models.Model):
    """An operator has seen something that asks for attention, or put it off; append-only, the latest counts."""

    kind = models.CharField(max_length=40, help_text="What it is about, such as failed_signals.")
    facts = models.CharField(max_length=200, help_text="Facts when it was put off; it comes back when they change.")
    until = models.DateTimeField(
        null=True, blank=True, help_text="Put off until this time, UTC. Blank until the facts change."
    )
    made_by = models.CharField(max_length=150, help_text="User name.")
    made_at = models.DateTimeField(help_text="By the database clock, UTC.")

    class Meta:
        db_table = "attention_marks"
        ordering = ("-id",)
        indexes = (models.Index(name="attention_marks_of_kind", fields=("kind", "-id")),)

    def __str__(self) -> str:
        return f"{self.kind} {self.made_by}"


class SavedView(models.Model):
    """A list as one user has set it up: which rows, in which order, with which columns."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    page = models.CharField(max_length=100, help_text="Name of the list's URL in the admin.")
    name = models.CharField(max_length=60, help_text="As its owner calls it.")
    query = models.CharField(
        max_length=2000, blank=True, default="", help_text="Filters and order, as in the list's URL."
    )
    columns = models.CharField(
        max_length=500, blank=True, default="", help_text="Names of the columns, with commas; blank for the usual ones."
    )

    class Meta:
        db_table = "saved_views"
        # Whoever may see a list may keep views of it, and nobody sees another's: there is nothing to permit.
        default_permissions = ()
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                name="saved_views_one_per_name",
                fields=("owner", "page", "name"),
                violation_error_message="You already have a view of this name.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Preference(models.Model):
    """What one user has chosen for every page."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preference"
    )
    time_zone = models.CharField(
        max_length=60, blank=True, default="", help_text="IANA name of the zone beside UTC; blank for the browser's."
    )

    class Meta:
        db_table = "preferences"
        # Everybody may have their own, and nobody sees another's.
        default_permissions = ()

    def __str__(self) -> str:
        return self.time_zone
