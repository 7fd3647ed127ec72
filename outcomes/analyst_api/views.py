"""Analyst calls: list experiments, read everything about one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from experiments.models import Experiment
from kernel.values import parse_instant
from outcomes.analyst_api.serializers import (
    ExperimentFilterSerializer,
    ExperimentStorySerializer,
    ExperimentSummarySerializer,
)
from outcomes.selectors import experiment_story, experiments
from policies.access import IsAnalyst


class ExperimentPagination(CursorPagination):
    """Pages that stay stable while experiments are added."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    # The ID breaks ties: the experiments of one batch share their time to the microsecond.
    ordering = ("-created_at", "experiment_id")

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """DRF's own is written for another version of OpenAPI."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_page_size(self, request: Request) -> int:
        """The requested size; an invalid one is rejected, not replaced."""
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        size = serializers.IntegerField(min_value=1, max_value=self.max_page_size)
        try:
            return int(size.run_validation(text))
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"page_size": error.detail}) from error

    def decode_cursor(self, request: Request) -> Any:
        """Where the page begins; reject any cursor that was not in an answer."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                # It is compared with created_at; on any other text Django would fail.
                parse_instant(cursor.position)
        except (NotFound, ValueError) as error:
            detail = "Invalid cursor."
            raise serializers.ValidationError({"cursor": [detail]}) from error
        return cursor


class ExperimentListView(GenericAPIView[Experiment]):
    """Experiments, newest first."""

    permission_classes = (IsAnalyst,)
    pagination_class = ExperimentPagination
    serializer_class = ExperimentSummarySerializer
    queryset = Experiment.objects.none()  # for the schema

    @extend_schema(
        parameters=[ExperimentFilterSerializer],
        responses=ExperimentSummarySerializer(many=True),
        operation_id="list_experiments",
    )
    def get(self, request: Request) -> Response:
        """One page of the experiments that match the filters."""
        # These two are the paginator's; the serializer rejects whatever it does not know.
        query = {name: value for name, value in request.query_params.items() if name not in {"cursor", "page_size"}}
        filters = ExperimentFilterSerializer(data=query)
        filters.is_valid(raise_exception=True)
        page = self.paginate_queryset(experiments(filters.validated_data))
        return self.get_paginated_response(ExperimentSummarySerializer(page, many=True).data)


class ExperimentView(APIView):
    """One experiment with everything that happened to it."""

    permission_classes = (IsAnalyst,)

    @extend_schema(responses=ExperimentStorySerializer, operation_id="get_experiment")
    def get(self, request: Request, experiment_id: UUID) -> Response:
        """Answer: which engine recommended this trade, and why did it execute (R5.5)."""
        return Response(ExperimentStorySerializer(experiment_story(experiment_id)).data)
