"""The heartbeat of an engine."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.rows import trust_quiet_connection
from policies.access import IsEngine, engine_of
from policies.serializers import HeartbeatAnswerSerializer, HeartbeatSerializer
from policies.services import record_heartbeat


class EngineView(APIView):
    """A call that takes an engine's key; engines call many times a second."""

    permission_classes = (IsEngine,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Judge the call before its handler, as DRF does, without a trip to ask whether the database is there."""
        trust_quiet_connection()
        super().initial(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 (DRF's)
        """JSON for whoever takes it, as every engine does; anything else is negotiated."""
        if request.META.get("HTTP_ACCEPT", "*/*") in {"*/*", "application/json"} and not request.META["QUERY_STRING"]:
            (renderer,) = self.get_renderers()
            return renderer, renderer.media_type
        return super().perform_content_negotiation(request, force)


class HeartbeatView(EngineView):
    """Mark the calling engine available (R3.3)."""

    @extend_schema(request=HeartbeatSerializer, responses=HeartbeatAnswerSerializer, operation_id="heartbeat")
    def post(self, request: Request) -> Response:
        """Store the heartbeat; the response says until when the engine is available, null while it is disabled."""
        body = HeartbeatSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        engine = engine_of(request)
        heard = record_heartbeat(engine, **body.validated_data)
        answer = {"engine": engine, **heard._asdict()} | ({} if heard.enabled else {"available_until": None})
        return Response(HeartbeatAnswerSerializer(answer).data)
