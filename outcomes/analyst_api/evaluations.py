"""Analyst calls: which evaluations there are, and everything about one (contract 8.2)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.calls import refuse_query
from outcomes.core.evidence import A_BETTER, ASSUMPTION_BROKEN, B_BETTER, EQUIVALENT, INCONCLUSIVE, RUNNING
from outcomes.core.sentences import FLAGS, NOT_SEPARABLE
from outcomes.evaluations.documents import evaluation_document, evaluations, summary_document
from outcomes.evaluations.lifecycle import evaluation_named
from outcomes.models import RunState
from outcomes.models.evaluation import APPROVED, DRAFT
from policies.access import IsAnalyst

STATES = (DRAFT, APPROVED, *RunState.values)
VERDICTS = (A_BETTER, B_BETTER, EQUIVALENT, ASSUMPTION_BROKEN, INCONCLUSIVE, NOT_SEPARABLE, RUNNING)
_DOUBLE = "A double to its last digit, as text."


class EvaluationSummarySerializer(serializers.Serializer[Any]):
    """One line of the list."""

    name = serializers.CharField()
    note = serializers.CharField(help_text="The hypothesis.")
    state = serializers.ChoiceField(STATES)
    attempt = serializers.IntegerField(allow_null=True, help_text="Null until it is started.")
    content_hash = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    verdict = serializers.ChoiceField(VERDICTS, allow_null=True, help_text="Null until it is started.")


class EvaluationListSerializer(serializers.Serializer[Any]):
    """All of them, newest first."""

    evaluations = EvaluationSummarySerializer(many=True)


class BlockRevisionSerializer(serializers.Serializer[Any]):
    """What later facts made of a block; it changes no verdict."""

    revision = serializers.IntegerField()
    judged_at = serializers.CharField()
    x_low = serializers.CharField(help_text=_DOUBLE)
    x_high = serializers.CharField(help_text=_DOUBLE)


class JudgedBlockSerializer(serializers.Serializer[Any]):
    """One judged block, and the evidence after it."""

    number = serializers.IntegerField()
    n = serializers.IntegerField(help_text="Signals that take part.")
    arrived = serializers.IntegerField(
        help_text="With those left out by a halt or an engine's absence; the sums are divided by its square root."
    )
    x_low = serializers.CharField(help_text=_DOUBLE)
    x_high = serializers.CharField(help_text=_DOUBLE)
    m = serializers.CharField(help_text=_DOUBLE)
    e_a = serializers.CharField(help_text=_DOUBLE)
    e_b = serializers.CharField(help_text=_DOUBLE)
    interval = serializers.ListField(
        child=serializers.CharField(allow_null=True), allow_null=True, help_text="After this block; null if it drifted."
    )
    judged_at = serializers.CharField()
    revisions = BlockRevisionSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `from` and `to`, which Python does not take for names."""
        days = {
            "from": serializers.DateField(help_text="First day, New York."),
            "to": serializers.DateField(help_text="Last day, New York; belongs to the block."),
        }
        return days | super().get_fields()


class EvidenceSerializer(serializers.Serializer[Any]):
    """The wealth of both bets, from 1, and what settles it."""

    a = serializers.CharField(help_text=_DOUBLE)
    b = serializers.CharField(help_text=_DOUBLE)
    needed = serializers.CharField(help_text=_DOUBLE)


class SinceSerializer(serializers.Serializer[Any]):
    """The same bets, begun afresh after the verdict."""

    e_a = serializers.CharField(help_text=_DOUBLE)
    e_b = serializers.CharField(help_text=_DOUBLE)


class AttemptSerializer(serializers.Serializer[Any]):
    """An evaluation that was started before this one."""

    name = serializers.CharField()
    verdict = serializers.ChoiceField(VERDICTS)


class EvaluationSerializer(serializers.Serializer[Any]):
    """One evaluation; what is null is not known before it is started."""

    content = serializers.DictField(help_text="Everything that was fixed before the data existed.")
    content_hash = serializers.CharField(help_text="SHA-256 of the content.")
    state = serializers.ChoiceField(STATES)
    attempt = serializers.IntegerField(allow_null=True)
    earlier = AttemptSerializer(many=True, help_text="The attempts before it, the first one first.")
    verdict = serializers.ChoiceField(VERDICTS, allow_null=True)
    at_block = serializers.IntegerField(allow_null=True, help_text="The block that gave the verdict.")
    sentence = serializers.CharField(help_text="The verdict in words that may be quoted.")
    flags = serializers.ListField(child=serializers.ChoiceField(tuple(FLAGS)))
    evidence = EvidenceSerializer(allow_null=True)
    since = SinceSerializer(allow_null=True)
    interval = serializers.ListField(
        child=serializers.CharField(allow_null=True),
        allow_null=True,
        help_text="Lower and upper bound; null if the difference drifts.",
    )
    phase = serializers.DictField(allow_null=True, help_text="What it is pinned to, and how it ended.")
    blocks = JudgedBlockSerializer(many=True)
    counts = serializers.DictField(help_text="What became of its signals, by engine and in total.")
    beside = serializers.DictField(help_text="Figures that stand beside the verdict, never instead of it.")
    waits = serializers.DictField(allow_null=True, help_text="What the next block waits for; null if none will follow.")
    report_hash = serializers.CharField(help_text="SHA-256 of the above without `waits`.")


class EvaluationListView(APIView):
    """All evaluations."""

    permission_classes = (IsAnalyst,)

    @extend_schema(responses=EvaluationListSerializer, operation_id="list_evaluations")
    def get(self, request: Request) -> Response:
        """Which evaluations there are, newest first, with their verdicts."""
        refuse_query(request)
        found = [summary_document(evaluation) for evaluation in evaluations()]
        return Response(EvaluationListSerializer({"evaluations": found}).data)


class EvaluationView(APIView):
    """One evaluation."""

    permission_classes = (IsAnalyst,)

    @extend_schema(responses=EvaluationSerializer, operation_id="get_evaluation")
    def get(self, request: Request, name: str) -> Response:
        """Everything about one: content, verdict, evidence, blocks and what stands beside it."""
        refuse_query(request)
        return Response(evaluation_document(evaluation_named(name)))
