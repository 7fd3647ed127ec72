"""Request and response of the heartbeat."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from kernel.canonical import exact_document
from kernel.fields import AnyJSONField, FixedFields, MomentField, StrictSerializer, TextField, sha256_field


class HeartbeatSerializer(StrictSerializer):
    """What an engine reports about itself."""

    engine_version = TextField(max_length=100)
    rules_hash = sha256_field(help_text="SHA-256 of the engine's entry and exit rules.")
    model = AnyJSONField(
        required=False,
        help_text="Any JSON value that names the versions of model, prompt and tools; shown on the engine's page.",
    )

    def validate_model(self, value: Any) -> Any:
        """The value in a form that has a canonical text."""
        return exact_document(value)


class HeartbeatAnswerSerializer(FixedFields, serializers.Serializer[Any]):
    """Until when the engine is available, null while it is disabled; and whether trading is halted."""

    engine = serializers.CharField()
    enabled = serializers.BooleanField()
    available_until = MomentField(allow_null=True)
    halted = serializers.BooleanField(help_text="Whether the kill switch is on.")
