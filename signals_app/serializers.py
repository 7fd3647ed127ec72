"""Bodies of the feeder's call."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from kernel.serializers import StrictSerializer


class MarketDataSerializer(StrictSerializer):
    """One observation; what symbol and time mean is judged in market_data.py."""

    symbol = serializers.CharField(max_length=100, help_text='As in alerts, such as "SPY" or "NASDAQ:AAPL".')
    as_of = serializers.CharField(
        max_length=40, help_text='The instant the data describe: RFC 3339 with zone, such as "2026-03-16T14:30:00Z".'
    )
    # DRF takes fields off the class, so this one and its own `data` do not meet.
    data = serializers.DictField(help_text="Any JSON object; kept in canonical form.")  # type: ignore[assignment]


class MarketDataAnswerSerializer(serializers.Serializer[Any]):
    """What was stored."""

    symbol = serializers.CharField()
    as_of = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    source = serializers.CharField(help_text="Name of the feeder's key.")  # type: ignore[assignment] # as above
