"""Bodies of the engine calls of this app."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from policies.models import SHA256_HEX


def sha256_field(**options: Any) -> serializers.RegexField:
    """Return a field for 64 lower-case hex digits."""
    advice = "Send a SHA-256 as 64 lower-case hexadecimal digits."
    return serializers.RegexField(SHA256_HEX, error_messages={"invalid": advice}, **options)


class StrictSerializer(serializers.Serializer[Any]):
    """A body that may hold its known members only."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown members by name, then validate as usual."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError(
                {name: [serializers.ErrorDetail("Unknown field.", code="unknown_field")] for name in unknown}
            )
        return super().to_internal_value(data)


class HeartbeatSerializer(StrictSerializer):
    """What an engine says of itself."""

    engine_version = serializers.CharField(max_length=100)
    rules_hash = sha256_field(help_text="SHA-256 of the engine's entry and exit rules.")


class HeartbeatAnswerSerializer(serializers.Serializer[Any]):
    """Until when the engine counts as available."""

    engine = serializers.CharField()
    enabled = serializers.BooleanField()
    available_until = serializers.DateTimeField(allow_null=True)
