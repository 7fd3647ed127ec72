"""What is told to whom: events, recipients, and the outbox between them."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from notifications.core.timing import Rules


class EventKind(models.TextChoices):
    """What somebody may be told of."""

    HALT = "halt", "Trading halted"
    GUARDRAIL = "guardrail", "Guardrail tripped"
    ENGINE = "engine", "Engine silent"
    SOURCE = "source", "Source silent"
    MISSING = "missing", "Alerts missing"
    FAILED = "failed", "Signals failed"
    INCIDENT = "incident", "Incident"
    OVERDUE = "overdue", "Shadow exits overdue"
    APPROVAL = "approval", "Approval wanted"
    ACTIVATION = "activation", "Policy activated"
    VERDICT = "verdict", "Verdict reached or evaluation ended"
    REPLAY = "replay", "Replay found differences"
    TEST = "test", "Test message"


# A test message is for whoever asked for it.
CHOICES = [(kind.value, kind.label) for kind in EventKind if kind != EventKind.TEST]


class Event(models.Model):
    """Something that people may be told of, written in the transaction in which it happened."""

    kind = models.CharField(max_length=10, choices=EventKind, help_text="What happened.")
    text = models.TextField(help_text="As recipients read it.")
    facts = models.CharField(max_length=200, blank=True, default="", help_text="Tells one occasion from the next.")
    urgent = models.BooleanField(default=False, help_text="Waits for no digest, and comes in quiet hours.")
    happened_at = models.DateTimeField(help_text="UTC, database clock.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="UTC; blank while it lasts, or if it has no end.")
    spread_at = models.DateTimeField(null=True, blank=True, help_text="UTC; blank until the outbox holds it.")

    class Meta:
        db_table = "notification_events"
        ordering = ("-id",)
        indexes = (
            models.Index(name="notification_events_new", fields=("id",), condition=Q(spread_at__isnull=True)),
            models.Index(name="notification_events_open", fields=("kind",), condition=Q(ended_at__isnull=True)),
        )

    def __str__(self) -> str:
        return self.text


class Recipient(models.Model):
    """A person or a channel, and what it is told when."""

    name = models.CharField(max_length=100, unique=True, help_text="A person or a channel, such as Desk or Jo's phone.")
    sealed_url = models.TextField(help_text="Where it is sent, encrypted: whoever has it can write there.")
    shown_url = models.CharField(max_length=200, help_text="The same without its secrets.")
    sealed_key = models.TextField(blank=True, default="", help_text="Encrypted key that signs what a webhook is sent.")
    kinds = ArrayField(
        models.CharField(max_length=10, choices=CHOICES), default=list, blank=True, help_text="Empty for everything."
    )
    urgent_only = models.BooleanField(default=False, help_text="Only what is urgent.")
    grace_seconds = models.PositiveIntegerField(
        default=0, help_text="What is over within so many seconds is not sent at all."
    )
    digest_minutes = models.PositiveIntegerField(
        default=0, help_text="One message for all that happens within so many minutes. 0 sends each at once."
    )
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="From then on nothing is sent until quiet hours end."
    )
    quiet_until = models.TimeField(null=True, blank=True, help_text="End of quiet hours.")
    timezone = models.CharField(max_length=50, default="UTC", help_text="Of the quiet hours, such as Europe/Berlin.")
    quiet_when_urgent = models.BooleanField(default=False, help_text="Quiet hours hold for what is urgent, too.")
    is_active = models.BooleanField(default=True, help_text="Whether anything is sent.")
    created_by = models.CharField(max_length=150, help_text="User name.")
    created_at = models.DateTimeField(help_text="UTC, database clock. Told of what happens from then on.")

    class Meta:
        db_table = "notification_recipients"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="notification_recipients_quiet_hours_are_whole",
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
            ),
            models.CheckConstraint(
                name="notification_recipients_waits_are_short",
                condition=Q(grace_seconds__lte=86_400, digest_minutes__lte=1_440),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def rules(self) -> Rules:
        """When it is told, for the pure core."""
        quiet = (self.quiet_from, self.quiet_until) if self.quiet_from and self.quiet_until else None
        return Rules(
            grace=timedelta(seconds=self.grace_seconds),
            digest=timedelta(minutes=self.digest_minutes),
            quiet=quiet,
            zone=self.timezone,
            quiet_when_urgent=self.quiet_when_urgent,
        )

    def wants(self, event: Event) -> bool:
        """Whether it is told of this event at all."""
        return (not self.kinds or event.kind in self.kinds) and (event.urgent or not self.urgent_only)


class State(models.TextChoices):
    """What has become of a notification."""

    WAITING = "WAITING"
    SENT = "SENT"
    # Not sent, and rightly so: it was over within the grace time, or its recipient was switched off.
    SKIPPED = "SKIPPED"
    # Given up after the last attempt.
    DEAD = "DEAD"


class Notification(models.Model):
    """One event for one recipient: the outbox. Sent at least once; `id` tells a repetition."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="notifications")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="notifications")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(help_text="When it is sent, UTC; after a failed attempt, when it is tried again.")
    claimed_until = models.DateTimeField(null=True, blank=True, help_text="Being sent until then, UTC.")
    attempts = models.PositiveSmallIntegerField(default=0)
    outcome = models.TextField(blank=True, default="", help_text="Why it was not sent, or not yet.")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it was sent, skipped or given up, UTC.")

    class Meta:
        db_table = "notifications"
        ordering = ("-due_at",)
        indexes = (
            models.Index(name="notifications_waiting", fields=("due_at",), condition=Q(state=State.WAITING)),
            models.Index(name="notifications_due", fields=("-due_at",)),
        )
        constraints = (
            models.UniqueConstraint(name="notifications_once", fields=("recipient", "event")),
            models.CheckConstraint(name="notifications_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="notifications_settled_has_a_time",
                condition=Q(state=State.WAITING, settled_at__isnull=True)
                | ~Q(state=State.WAITING) & Q(settled_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.event} for {self.recipient}"


class TraceMark(models.Model):
    """How far traces have been exported; one row, once they were ever switched on."""

    until = models.DateTimeField(help_text="All stages that ended before this were exported, UTC.")

    class Meta:
        db_table = "trace_marks"
        constraints = (models.CheckConstraint(name="trace_marks_one", condition=Q(id=1)),)

    def __str__(self) -> str:
        return str(self.until)
