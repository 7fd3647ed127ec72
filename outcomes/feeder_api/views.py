"""Feeder calls: ask what to quote, and push the quotes that price both engines' shadows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from experiments.distribution import wait_for
from kernel.calls import validated_body
from kernel.fields import query_of
from outcomes.feeder_api.quote_requests import quote_requests
from outcomes.feeder_api.serializers import (
    QuoteRequestsQuerySerializer,
    QuoteRequestsSerializer,
    QuotesAnswerSerializer,
    QuotesSerializer,
)
from outcomes.services.pricing import store_quotes
from policies.models import KeyOwner
from signals_app.market_data_api import IsFeeder

QUOTE = {
    "instrument": "TWX   140621C00070000",
    "bid": "1.37",
    "ask": "1.39",
    "quote_time": "2014-06-05T14:00:00.000000Z",
    "changed_at": "2014-06-05T13:59:58.210000Z",
}
STORED = OpenApiExample("New", value={"stored": 1, "repeated": 0, "conflicting": 0, "crossed": 0})
REPEATED = OpenApiExample("Sent before", value={"stored": 0, "repeated": 1, "conflicting": 0, "crossed": 0})
LIVE = {"instrument": QUOTE["instrument"], "source": "breakouts", "as_of": None}
REPLAYED = LIVE | {"source": "rehearsal", "as_of": "2014-06-05T18:00:00.000000Z"}
REQUESTS = OpenApiExample("A live and a replayed one", value={"quote_requests": [LIVE, REPLAYED]})


class QuoteRequestsView(APIView):
    """Tell a neutral feed what to quote."""

    permission_classes = (IsFeeder,)

    @extend_schema(
        operation_id="list_quote_requests",
        parameters=[QuoteRequestsQuerySerializer],
        responses={200: OpenApiResponse(QuoteRequestsSerializer, "What needs quotes now.", [REQUESTS])},
    )
    def get(self, request: Request) -> Response:
        """Answer at once when something needs quotes, else after `wait_seconds`."""
        query = QuoteRequestsQuerySerializer(data=query_of(request))
        query.is_valid(raise_exception=True)
        found = wait_for(quote_requests, query.validated_data["wait_seconds"], KeyOwner.FEEDER)
        return Response(QuoteRequestsSerializer({"quote_requests": found}).data)


class QuotesView(APIView):
    """Take the quotes of a neutral feed."""

    permission_classes = (IsFeeder,)

    @extend_schema(
        operation_id="push_quotes",
        request=OpenApiRequest(QuotesSerializer, examples=[OpenApiExample("One option", value={"quotes": [QUOTE]})]),
        responses={
            201: OpenApiResponse(QuotesAnswerSerializer, "At least one quote was new.", [STORED]),
            200: OpenApiResponse(QuotesAnswerSerializer, "No quote was new.", [REPEATED]),
        },
    )
    def post(self, request: Request) -> Response:
        """Store up to 5,000 quotes, all but crossed ones, or none; sending them again changes nothing."""
        body = validated_body(QuotesSerializer, request)
        key: Any = request.auth
        # The name comes from the key: a feeder cannot quote in another's name.
        answer = store_quotes(key.name, body.validated_data["quotes"])
        return Response(QuotesAnswerSerializer(answer).data, status=201 if answer.stored else 200)
