"""Engine calls: claim work, read it again."""

from __future__ import annotations

from uuid import UUID

from django.utils.http import parse_etags
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from experiments.distribution import claim_assignments, get_assignment
from experiments.serializers import AssignmentSerializer, ClaimedSerializer, ClaimSerializer
from policies.access import IsEngine, engine_of


def _matches(if_none_match: str, etag: str) -> bool:
    """Tell whether the header names this ETag, alone, among others or weakly (RFC 9110, 13.1.2)."""
    return any(tag in ("*", etag) for tag in (tag.removeprefix("W/") for tag in parse_etags(if_none_match)))


class ClaimView(APIView):
    """Lease open assignments of the calling engine."""

    permission_classes = (IsEngine,)

    @extend_schema(request=ClaimSerializer, responses=ClaimedSerializer, operation_id="claim_assignments")
    def post(self, request: Request) -> Response:
        """Answer at once when there is work, else after `wait_seconds`."""
        body = ClaimSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        claimed = claim_assignments(engine_of(request), **body.validated_data)
        return Response(ClaimedSerializer({"assignments": claimed}).data)


class AssignmentView(APIView):
    """Read one assignment again."""

    permission_classes = (IsEngine,)

    @extend_schema(responses=AssignmentSerializer, operation_id="get_assignment")
    def get(self, request: Request, experiment_id: UUID) -> Response:
        """Return the same document as the claim did; ETag is the context hash, because it never changes."""
        assignment = get_assignment(engine_of(request), experiment_id)
        headers = {"ETag": f'"{assignment.context_hash}"', "Cache-Control": "private, no-cache"}
        if _matches(request.headers.get("If-None-Match", ""), headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(AssignmentSerializer(assignment).data, headers=headers)
