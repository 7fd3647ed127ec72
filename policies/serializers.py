"""Request and response of the heartbeat."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from kernel.serializers import StrictSerializer, sha256_field


class HeartbeatSerializer(StrictSerializer):
    """What an engine reports about itself."""

    engine_version = serializers.CharField(max_length=100)
    rules_hash = sha256_field(help_text="SHA-256 of the engine's entry and exit rules.")


class HeartbeatAnswerSerializer(serializers.Serializer[Any]):
    """Until when the engine is available; null while it is disabled."""

    engine = serializers.CharField()
    enabled = serializers.BooleanField()
    available_until = serializers.DateTimeField(allow_null=True)
