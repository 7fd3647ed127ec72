"""Bodies of the calls of this app."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from experiments.distribution import MAX_LEASE_SECONDS, MAX_LIMIT, MAX_WAIT_SECONDS
from kernel.serializers import StrictSerializer


class ClaimSerializer(StrictSerializer):
    """How much work, for how long, and how long to wait for it."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=10)
    lease_seconds = serializers.IntegerField(min_value=1, max_value=MAX_LEASE_SECONDS, default=60)
    wait_seconds = serializers.FloatField(min_value=0, max_value=MAX_WAIT_SECONDS, default=0)


class AssignmentSerializer(serializers.Serializer[Any]):
    """One piece of work, byte for byte the same context for both engines."""

    experiment_id = serializers.UUIDField()
    signal = serializers.DictField()
    market_context = serializers.DictField()
    context_hash = serializers.CharField()
    distributed_at = serializers.DateTimeField()
    lease_expires_at = serializers.DateTimeField(allow_null=True)


class ClaimedSerializer(serializers.Serializer[Any]):
    """What a claim leased; empty when nothing came in time."""

    assignments = AssignmentSerializer(many=True)
