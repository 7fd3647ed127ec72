"""The audit log: the one table that every app writes."""

from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """Who changed what, when, why and from where; append-only."""

    at = models.DateTimeField(help_text="By the database clock, UTC.")
    actor = models.CharField(max_length=150, help_text="User name, or the command line's user.")
    action = models.CharField(max_length=40, help_text="What was done, such as policy.activated.")
    subject = models.CharField(max_length=100, help_text="To what, such as policy version 7.")
    reason = models.TextField(blank=True, default="", help_text="Why, in the actor's words.")
    address = models.CharField(max_length=45, blank=True, default="", help_text="Network address; empty for commands.")

    class Meta:
        db_table = "audit_log"
        verbose_name_plural = "audit entries"
        # By the key: it rises with time and has an index.
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
