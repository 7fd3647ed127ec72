"""API keys and who they speak for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from rest_framework_api_key.models import AbstractAPIKey


class KeyOwner(models.TextChoices):
    """Who an API key speaks for."""

    ENGINE_A = "engine-a"
    ENGINE_B = "engine-b"
    FEEDER = "feeder"
    ANALYST = "analyst"


class ApiKey(AbstractAPIKey):
    """A key of the engine API; only its hash is kept."""

    owner = models.CharField(max_length=8, choices=KeyOwner, help_text="What the key may do.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute, UTC.")

    class Meta(AbstractAPIKey.Meta):
        db_table = "api_keys"
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = (models.CheckConstraint(name="api_keys_owner_known", condition=Q(owner__in=KeyOwner.values)),)
