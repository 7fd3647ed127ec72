"""API keys and their owners."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from rest_framework_api_key.models import AbstractAPIKey


class KeyOwner(models.TextChoices):
    """Who an API key belongs to."""

    ENGINE_A = "engine-a"
    ENGINE_B = "engine-b"
    FEEDER = "feeder"
    ANALYST = "analyst"


class ApiKey(AbstractAPIKey):
    """An API key; only its hash is stored."""

    owner = models.CharField(max_length=8, choices=KeyOwner, help_text="Decides what the key may call.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="UTC, to the minute; blank if never used.")

    class Meta(AbstractAPIKey.Meta):
        db_table = "api_keys"
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = (models.CheckConstraint(name="api_keys_owner_known", condition=Q(owner__in=KeyOwner.values)),)
