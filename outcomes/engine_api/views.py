"""Engine calls: claim work, recommend, open and close trades, price the exits of shadow trades."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from experiments.distribution import claim_assignments, get_assignment, renew_lease, wait_for
from kernel.calls import refuse_query, validated_body
from kernel.errors import DomainError
from kernel.field_errors import field_errors, first_of
from kernel.fields import query_of
from outcomes import services
from outcomes.core.reports import ExitReport, FillReport, OpeningReport
from outcomes.engine_api.amendments import AmendmentSerializer
from outcomes.engine_api.answers import (
    AmendmentAnswerSerializer,
    AnswersToOpenSerializer,
    AssignmentSerializer,
    ClaimedSerializer,
    KeptOwnExitSerializer,
    PendingExitsSerializer,
    PermitAnswerSerializer,
    RecommendationAnswerSerializer,
    RenewedSerializer,
    SettledExitSerializer,
    TradeAnswerSerializer,
    TradeDocumentSerializer,
    TradePageSerializer,
)
from outcomes.engine_api.serializers import (
    AnswersQuerySerializer,
    ClaimSerializer,
    ConfirmSerializer,
    ExitSerializer,
    FillSerializer,
    PendingExitsQuerySerializer,
    RecommendationSerializer,
    RenewSerializer,
    ShadowExitSerializer,
    TradeSerializer,
    TradesQuerySerializer,
)
from outcomes.selectors import answers_to_open, naming_what_is_gone, own_trades
from policies.access import EngineCall, engine_of


def _first_or_repeat(serializer: Any) -> dict[int, OpenApiResponse]:
    """The two successful answers of a POST that creates something."""
    return {
        201: OpenApiResponse(serializer, description="Created."),
        200: OpenApiResponse(serializer, description="The same request was already stored; its answer is repeated."),
    }


def _report(serializer: Any, request: Request, trade_id: UUID | None = None) -> Any:
    """The report of a trade; of real money one that cannot be read is not lost."""
    try:
        return validated_body(serializer, request).report()
    except (ValidationError, DomainError) as error:
        wrong = error.detail if isinstance(error, DomainError) else first_of(field_errors(error.detail))
        services.keep_unreadable(engine_of(request), request.data, wrong, trade_id)
        raise


class ClaimView(EngineCall, APIView):
    """Claim open assignments of the calling engine under a lease."""

    @extend_schema(request=ClaimSerializer, responses=ClaimedSerializer, operation_id="claim_assignments")
    def post(self, request: Request) -> Response:
        """Answer at once when there is work, else after `wait_seconds`."""
        body = validated_body(ClaimSerializer, request)
        claimed = claim_assignments(engine_of(request), **body.validated_data)
        token = claimed[0].lease_token if claimed else None
        return Response(ClaimedSerializer.answer({"assignments": claimed, "lease_token": token}))


class RenewView(EngineCall, APIView):
    """Keep an assignment that takes longer than its lease."""

    @extend_schema(operation_id="renew_lease", request=RenewSerializer, responses=RenewedSerializer)
    def post(self, request: Request, experiment_id: UUID) -> Response:
        """Lengthen a lease while it holds; 409 `lease_lost` once it has ended or the assignment was answered."""
        body = validated_body(RenewSerializer, request)
        engine = engine_of(request)
        with naming_what_is_gone(engine, experiment_id):
            until = renew_lease(engine, experiment_id, **body.validated_data)
        return Response(RenewedSerializer.answer({"experiment_id": experiment_id, "lease_expires_at": until}))


class AssignmentView(EngineCall, APIView):
    """Read one assignment again."""

    @extend_schema(
        responses={
            200: AssignmentSerializer,
            304: OpenApiResponse(description="If-None-Match names the context that the engine has already."),
        },
        parameters=[
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="ETag of an earlier answer."),
            OpenApiParameter(
                "ETag", str, OpenApiParameter.HEADER, response=[200, 304], description="The context hash."
            ),
            OpenApiParameter(
                "Cache-Control", str, OpenApiParameter.HEADER, response=[200, 304], description="For this key alone."
            ),
        ],
        operation_id="get_assignment",
    )
    def get(self, request: Request, experiment_id: UUID) -> Response:
        """The same document as the claim's; its ETag is the context hash, because it never changes."""
        refuse_query(request)
        engine = engine_of(request)
        with naming_what_is_gone(engine, experiment_id):
            assignment = get_assignment(engine, experiment_id)
        # Private: the answer depends on the key, so no shared cache may keep it for the other engine.
        headers = {"ETag": f'"{assignment.context_hash}"', "Cache-Control": "private, no-cache"}
        # The header may name several ETags, and each of them weakly (RFC 9110, 13.1.2).
        known = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
        if "*" in known or headers["ETag"] in known:
            return Response(status=304, headers=headers)
        return Response(AssignmentSerializer.answer(assignment), headers=headers)


class RecommendationsView(EngineCall, APIView):
    """Recommend a trade, or decline; list what has not been opened."""

    @extend_schema(
        operation_id="list_recommendations",
        summary="List the engine's own answers to open without a trade",
        parameters=[AnswersQuerySerializer],
        responses=AnswersToOpenSerializer,
    )
    def get(self, request: Request) -> Response:
        """The engine's own answers to open of which it has reported no trade, oldest first, each with role and plan."""
        query = AnswersQuerySerializer(data=query_of(request))
        query.is_valid(raise_exception=True)
        answers, position = answers_to_open(engine_of(request), **query.validated_data)
        cursor = None if position is None else position.text()
        return Response(AnswersToOpenSerializer.answer({"recommendations": answers, "next_cursor": cursor}))

    @extend_schema(
        operation_id="create_recommendation",
        summary="Recommend a trade, or decline",
        request=RecommendationSerializer,
        responses=_first_or_repeat(RecommendationAnswerSerializer),
    )
    def post(self, request: Request) -> Response:
        """Store what the engine recommends, byte for byte, and reveal its role."""
        body = validated_body(RecommendationSerializer, request)
        # The text is stored as it was sent. Django's `request.body` would refuse what is too large in its own words.
        report = body.report(request.sent)  # type: ignore[attr-defined]  # the parser keeps it there
        recommendation, is_new = services.record_recommendation(engine_of(request), report)
        return Response(RecommendationAnswerSerializer.answer(recommendation), status=201 if is_new else 200)


class PermitConfirmView(EngineCall, APIView):
    """Confirm a permit right before the real order goes out."""

    @extend_schema(operation_id="confirm_permit", request=ConfirmSerializer, responses={200: PermitAnswerSerializer})
    def post(self, request: Request, experiment_id: UUID) -> Response:
        """Judge anew, each time, whether this engine may trade for real; 409 says why it may not."""
        ConfirmSerializer(data=request.data).is_valid(raise_exception=True)
        return Response(PermitAnswerSerializer.answer(services.confirm_permit(engine_of(request), experiment_id)))


class TradesView(EngineCall, APIView):
    """Report an opened trade; list what was reported."""

    @extend_schema(
        operation_id="list_trades",
        summary="List the engine's own trades",
        parameters=[TradesQuerySerializer],
        responses=TradePageSerializer,
    )
    def get(self, request: Request) -> Response:
        """The engine's own trades, oldest first, each with its fills, directives, result and what was found out."""
        query = TradesQuerySerializer(data=query_of(request))
        query.is_valid(raise_exception=True)
        trades, position = own_trades(engine_of(request), **query.validated_data)
        cursor = None if position is None else position.text()
        return Response(TradePageSerializer.answer({"trades": trades, "next_cursor": cursor}))

    @extend_schema(
        operation_id="open_trade",
        summary="Report an opened trade",
        request=TradeSerializer,
        responses=_first_or_repeat(TradeAnswerSerializer),
    )
    def post(self, request: Request) -> Response:
        """Store a trade in the revealed role; a real trade of a shadow engine is rejected and kept as an incident."""
        report: OpeningReport = _report(TradeSerializer, request)
        trade, is_new = services.open_trade(engine_of(request), report, body=request.data)
        return Response(TradeAnswerSerializer.answer(trade), status=201 if is_new else 200)


class TradeView(EngineCall, APIView):
    """Read one of the engine's own trades."""

    @extend_schema(operation_id="get_trade", responses=TradeDocumentSerializer)
    def get(self, request: Request, trade_id: UUID) -> Response:
        """The same document as in the list, with the instruments to quote in its exit as of now."""
        refuse_query(request)
        return Response(TradeDocumentSerializer.answer(services.own_trade(engine_of(request), trade_id)))


class TradeFillsView(EngineCall, APIView):
    """Report one more fill of a trade."""

    @extend_schema(
        operation_id="report_fill", request=FillSerializer, responses=_first_or_repeat(TradeAnswerSerializer)
    )
    def post(self, request: Request, trade_id: UUID) -> Response:
        """Book a partial exit, scaling in, legging, a roll or a settlement; accepted while halted, too."""
        report: FillReport = _report(FillSerializer, request, trade_id)
        trade, is_new = services.report_fill(engine_of(request), trade_id, report, body=request.data)
        return Response(TradeAnswerSerializer.answer(trade), status=201 if is_new else 200)


class TradeAmendmentsView(EngineCall, APIView):
    """Propose a correction of what was reported."""

    @extend_schema(
        operation_id="propose_amendment",
        request=AmendmentSerializer,
        responses=_first_or_repeat(AmendmentAnswerSerializer),
    )
    def post(self, request: Request, trade_id: UUID) -> Response:
        """Keep a broker's correction or bust of a fill until an operator decides; nothing changes before."""
        report = validated_body(AmendmentSerializer, request).report()
        amendment, is_new = services.propose_amendment(engine_of(request), trade_id, report)
        return Response(AmendmentAnswerSerializer.answer(amendment), status=201 if is_new else 200)


class TradeExitView(EngineCall, APIView):
    """Report that a trade was closed."""

    @extend_schema(
        operation_id="close_trade",
        request=ExitSerializer,
        responses={
            200: OpenApiResponse(TradeAnswerSerializer, description="Closed."),
            202: OpenApiResponse(
                KeptOwnExitSerializer, description="`own_exit_kept`: the shadow closes with the real trade."
            ),
        },
    )
    def post(self, request: Request, trade_id: UUID) -> Response:
        """Close the trade, record its outcome and direct the shadow to exit; accepted while halted, too."""
        report: ExitReport = _report(ExitSerializer, request, trade_id)
        trade, status = services.close_trade(engine_of(request), trade_id, report, body=request.data)
        # 202, so that an engine that reads the status alone does not take its shadow for closed.
        serializer = KeptOwnExitSerializer if status == 202 else TradeAnswerSerializer
        return Response(serializer.answer(trade), status=status)


class ExitDirectivesView(EngineCall, APIView):
    """Read pending shadow exits."""

    @extend_schema(
        operation_id="list_exit_directives",
        parameters=[PendingExitsQuerySerializer],
        responses=PendingExitsSerializer,
    )
    def get(self, request: Request) -> Response:
        """The exits that this engine's shadow trades have yet to price, oldest first; else after `wait_seconds`."""
        query = PendingExitsQuerySerializer(data=query_of(request))
        query.is_valid(raise_exception=True)
        engine = engine_of(request)
        # A new query each time: what expires and falls due moves with the clock.
        wait_seconds = query.validated_data["wait_seconds"]
        pending = wait_for(lambda: list(services.pending_directives(engine)), wait_seconds, engine)
        return Response(PendingExitsSerializer.answer({"exit_directives": pending}))


class ExitDirectiveReportView(EngineCall, APIView):
    """Price a shadow exit."""

    @extend_schema(operation_id="report_shadow_exit", request=ShadowExitSerializer, responses=SettledExitSerializer)
    def post(self, request: Request, directive_id: tuple[UUID, int]) -> Response:
        """Close the shadow at its engine's own quotes as of the exit time."""
        body = validated_body(ShadowExitSerializer, request)
        directive, _ = services.report_shadow_exit(engine_of(request), *directive_id, body.report())
        return Response(SettledExitSerializer.answer(directive))
