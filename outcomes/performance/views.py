"""The analyst's report."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from outcomes.performance.report import performance_report
from outcomes.performance.serializers import PerformanceFilterSerializer, PerformanceReportSerializer
from policies.access.permissions import IsAnalyst


class PerformanceView(APIView):
    """How the engines compare."""

    permission_classes = (IsAnalyst,)

    @extend_schema(
        parameters=[PerformanceFilterSerializer], responses=PerformanceReportSerializer, operation_id="performance"
    )
    def get(self, request: Request) -> Response:
        """Answer the report over the outcomes that match the filters (R5.3, R5.4)."""
        # A parameter given twice is rejected: taking either one would answer another question.
        repeated = sorted(name for name, values in request.query_params.lists() if len(values) > 1)
        if repeated:
            raise ValidationError({name: [ErrorDetail("Send it once.", code="repeated")] for name in repeated})
        query = PerformanceFilterSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(performance_report(query.filters()))
