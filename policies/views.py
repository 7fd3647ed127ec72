"""The heartbeat of an engine (R3.3)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.calls import validated_body
from policies.access import EngineCall, engine_of
from policies.serializers import HeartbeatAnswerSerializer, HeartbeatSerializer
from policies.services import record_heartbeat


class HeartbeatView(EngineCall, APIView):
    """Mark the calling engine available."""

    @extend_schema(request=HeartbeatSerializer, responses=HeartbeatAnswerSerializer, operation_id="heartbeat")
    def post(self, request: Request) -> Response:
        """Store the heartbeat; the response says until when the engine is available, null while it is disabled."""
        body = validated_body(HeartbeatSerializer, request)
        engine = engine_of(request)
        heard = record_heartbeat(engine, **body.validated_data)
        answer = {"engine": engine, **heard._asdict()} | ({} if heard.enabled else {"available_until": None})
        return Response(HeartbeatAnswerSerializer.answer(answer))
