"""The call that feeders make."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from signals_app.market_data import store_market_data
from signals_app.permissions import IsFeeder, feeder_of
from signals_app.serializers import MarketDataAnswerSerializer, MarketDataSerializer


class MarketDataView(APIView):
    """Take what a feeder saw, for the market contexts of later signals (R1.2, R7.1)."""

    permission_classes = (IsFeeder,)

    @extend_schema(
        request=MarketDataSerializer,
        responses={200: MarketDataAnswerSerializer, 201: MarketDataAnswerSerializer},
        operation_id="market_data",
    )
    def post(self, request: Request) -> Response:
        """Keep one observation: 201 when it is new, 200 with the first one when it was sent before."""
        body = MarketDataSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row, is_new = store_market_data(**body.validated_data, source=feeder_of(request))
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(MarketDataAnswerSerializer(row).data, status=code)
