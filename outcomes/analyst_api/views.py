"""Analyst calls: list experiments, read everything about one (R5.5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.calls import refuse_query
from outcomes.analyst_api.paging import BY_UUID, page_of
from outcomes.analyst_api.serializers import (
    ExperimentFilterSerializer,
    ExperimentStorySerializer,
    ExperimentSummarySerializer,
)
from outcomes.analyst_api.tables import TableView, describes, file_of, rows_answer
from outcomes.selectors import experiment_story, experiments
from policies.access import IsAnalyst

EXPERIMENTS_AT_ONCE = 20_000


class ExperimentListView(TableView):
    """Experiments, newest first."""

    filters, cursor = ExperimentFilterSerializer, BY_UUID

    @describes("experiments", ExperimentFilterSerializer, ExperimentSummarySerializer, cursor=BY_UUID)
    def get(self, request: Request) -> Any:
        """The experiments that match the filters: a page, or all of them as a file, with a column for each value."""
        rows = experiments(self.asked(request).validated_data)
        if form := self.file_format(request):
            return file_of(form, "experiments", rows, ("created_at", "experiment_id"), EXPERIMENTS_AT_ONCE)
        # The ID breaks ties: the experiments of one batch share their time to the microsecond.
        page = page_of(request, rows, ("created_at", "experiment_id"), self.cursor)
        return rows_answer("experiments", page, list(ExperimentSummarySerializer(page.rows, many=True).data))


class ExperimentView(APIView):
    """One experiment with everything that happened to it."""

    permission_classes = (IsAnalyst,)

    @extend_schema(responses=ExperimentStorySerializer, operation_id="get_experiment")
    def get(self, request: Request, experiment_id: UUID) -> Response:
        """Answer: which engine recommended this trade, and why did it execute?"""
        refuse_query(request)
        return Response(ExperimentStorySerializer(experiment_story(experiment_id)).data)
