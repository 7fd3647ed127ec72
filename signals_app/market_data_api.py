"""The call by which feeders push market data (R1.2, R7.1)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.calls import validated_body
from kernel.fields import InstantField, JSONObjectField, StrictSerializer, TextField
from signals_app.alerts.fields import SYMBOL_PATTERN
from signals_app.market_data import store_market_data

FEEDER = "feeder"


class IsFeeder(BasePermission):
    """The API key of a feeder. Keys belong to an app that this one does not know; their owner is all that counts."""

    message = "This call requires a feeder's API key."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the key's owner is a feeder."""
        return getattr(request.auth, "owner", None) == FEEDER


class SymbolField(TextField):
    """A symbol, which `store_market_data` reads as it is read in alerts."""

    pattern = SYMBOL_PATTERN


class MarketDataSerializer(StrictSerializer):
    """One observation."""

    symbol = SymbolField(
        max_length=100,
        help_text='As in alerts, such as "SPY" or "NASDAQ:AAPL". With an exchange, the data never enter the context of '
        "an alert of another one.",
    )
    as_of = InstantField(
        help_text='The time that the data describe: RFC 3339 with a time zone, such as "2026-03-16T14:30:00Z".'
    )
    # DRF takes fields off the class, so this one and its own `data` do not meet.
    data = JSONObjectField(help_text="Any JSON object; stored as canonical JSON.")  # type: ignore[assignment]


class MarketDataAnswerSerializer(serializers.Serializer[Any]):
    """What was stored."""

    symbol = serializers.CharField()
    as_of = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    source = serializers.CharField(help_text="Name of the feeder's API key.")  # type: ignore[assignment] # as above


class MarketDataView(APIView):
    """Take what a feeder saw, for the market contexts of later signals."""

    permission_classes = (IsFeeder,)

    @extend_schema(
        request=MarketDataSerializer,
        responses={200: MarketDataAnswerSerializer, 201: MarketDataAnswerSerializer},
        operation_id="market_data",
    )
    def post(self, request: Request) -> Response:
        """Store one observation: 201 when it is new, 200 with the first one when it was sent before."""
        body = validated_body(MarketDataSerializer, request)
        key: Any = request.auth
        row, is_new = store_market_data(**body.validated_data, source=key.name)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(MarketDataAnswerSerializer(row).data, status=code)
