"""What engines are answered, field by field; the schema is made from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from experiments.models import Experiment
from kernel.errors import gone
from kernel.fields import DecimalTextField, FixedFields, MomentField
from kernel.rows import related
from outcomes.api_documents import (
    QUOTE_FLAGS,
    ClosingLegsField,
    ConditionsField,
    ContextField,
    FilledLegsField,
    FlagsField,
    OpenedLegsField,
    PlanDocumentField,
    SignalDocumentField,
)
from outcomes.core.books import entry_fees, in_force, result_in_force
from outcomes.core.trades import (
    FEES,
    MULTIPLIER,
    PNL,
    QUANTITY,
    RISK,
)
from outcomes.engine_api.serializers import net_price_field
from outcomes.models import (
    DirectiveState,
    ExitDirective,
    Outcome,
    OwnExit,
    Permit,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeAmendment,
    TradeFill,
    TradeStatus,
    Violation,
)
from policies.models import EngineName


class AssignmentSerializer(FixedFields, serializers.Serializer[Any]):
    """One piece of work, byte for byte the same context for both engines."""

    experiment_id = serializers.UUIDField()
    signal = SignalDocumentField()
    market_context = ContextField()
    context_hash = serializers.CharField()
    distributed_at = MomentField()
    answer_by = MomentField(help_text="A later answer gets the role SHADOW (STALE_ANSWER).")
    lease_expires_at = MomentField(allow_null=True)


class ClaimedSerializer(FixedFields, serializers.Serializer[Any]):
    """What a claim leased; empty when nothing came in time."""

    assignments = AssignmentSerializer(many=True)
    lease_token = serializers.UUIDField(
        allow_null=True, help_text="Proves these leases when renewing or answering; null when nothing was leased."
    )


class RenewedSerializer(FixedFields, serializers.Serializer[Any]):
    """A lease that was lengthened."""

    experiment_id = serializers.UUIDField()
    lease_expires_at = MomentField()


class RecommendationAnswerSerializer(FixedFields, serializers.ModelSerializer[Recommendation]):
    """The revealed role; `permit_expires_at` is null unless the engine may open a real trade."""

    experiment_id = serializers.UUIDField()
    reason = serializers.CharField(source="role_reason")
    halted = serializers.BooleanField(help_text="Whether the kill switch is on now, even when the answer is repeated.")

    class Meta:
        model = Recommendation
        fields = (
            "experiment_id", "engine", "action", "role", "reason", "permit_expires_at", "recommended_at", "halted",
        )  # fmt: skip


class AnswerToOpenSerializer(RecommendationAnswerSerializer):
    """An answer to open of which no trade has been reported, with the plan that it was given with."""

    plan = PlanDocumentField()

    class Meta(RecommendationAnswerSerializer.Meta):
        fields = (*RecommendationAnswerSerializer.Meta.fields, "plan")  # type: ignore[assignment]  # a longer tuple


class AnswersToOpenSerializer(FixedFields, serializers.Serializer[Any]):
    """One page of the engine's answers to open, oldest first; `next_cursor` is null on the last one."""

    recommendations = AnswerToOpenSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PermitAnswerSerializer(FixedFields, serializers.Serializer[Permit]):
    """A confirmed permit: the real order may go out now, and must be filled by `valid_until`."""

    experiment_id = serializers.UUIDField()
    valid_until = MomentField(source="expires_at")


class FillsInForceSerializer(serializers.ListSerializer[Any]):
    """Of a trade's fills those that count: without what was busted, and what was corrected as it is now."""

    def to_representation(self, data: Any) -> list[Any]:
        """In the order in which they happened to the trade."""
        return super().to_representation(in_force(data.all()))


class FillAnswerSerializer(FixedFields, serializers.ModelSerializer[TradeFill]):
    """One fill as booked."""

    legs = FilledLegsField()
    fees = DecimalTextField(**FEES)
    scheduled_fees = DecimalTextField(**FEES)

    class Meta:
        model = TradeFill
        list_serializer_class = FillsInForceSerializer
        fields = (
            "fill_ref", "revision", "time", "legs", "fees", "scheduled_fees", "reason", "price_provenance",
            "conditions_hash", "reported_at",
        )  # fmt: skip


class AmendmentAnswerSerializer(FixedFields, serializers.ModelSerializer[TradeAmendment]):
    """A proposal as stored, and what an operator decided about it."""

    trade_id = serializers.UUIDField(source="trade.pk")
    experiment_id = serializers.UUIDField()
    of = serializers.CharField(source="fill_ref")

    class Meta:
        model = TradeAmendment
        fields = (
            "trade_id", "experiment_id", "kind", "of", "values", "reason", "evidence", "state", "proposed_at",
            "decided_at", "decision_reason",
        )  # fmt: skip


class OwnExitAnswerSerializer(FixedFields, serializers.ModelSerializer[OwnExit]):
    """A shadow's exit by its own rules; legs and figures are null until it is priced."""

    legs = FilledLegsField(allow_null=True)
    fees = DecimalTextField(**FEES, allow_null=True)
    pnl = DecimalTextField(**PNL, allow_null=True)

    class Meta:
        model = OwnExit
        fields = (
            "state", "exit_time", "exit_reason", "legs", "price_provenance", "fees", "pnl", "violations", "reported_at",
        )  # fmt: skip


def _experiment_of(trade: RealTrade | ShadowTrade) -> Experiment:
    """The trade's experiment; raise `history_incomplete` where it was deleted."""
    try:
        return trade.experiment
    except ObjectDoesNotExist:
        raise gone(f"the experiment {trade.experiment_id}") from None


def _instruments_of(shadows: Iterable[ShadowTrade]) -> list[str]:
    """What the shadows hold or have held, under every name: a split renames a contract after its opening."""
    found = {leg["instrument"] for shadow in shadows for leg in shadow.legs}
    renamed = [row for shadow in shadows if shadow.revision > 1 for row in related(shadow, "fills")]
    return sorted(found | {leg["instrument"] for row in renamed for leg in row.legs})


class ResultPnlField(DecimalTextField):
    """The P&L of a trade's result in force; null while it has none."""

    def get_attribute(self, instance: Any) -> Any:
        """The P&L, or None."""
        result: Any = result_in_force(related(instance, "outcomes"))
        return None if result is None else result.pnl


class EntryFeesField(DecimalTextField):
    """The fees of the entry as booked."""

    def get_attribute(self, instance: Any) -> Any:
        """Of a shadow those of the schedule."""
        return entry_fees(related(instance, "fills"), instance.entry_fees)


class TradeAnswerSerializer(FixedFields, serializers.Serializer[RealTrade | ShadowTrade]):
    """A trade of the calling engine; the exit's fields are null or empty until it is closed."""

    trade_id = serializers.UUIDField()
    experiment_id = serializers.UUIDField()
    engine = serializers.ChoiceField(EngineName.choices)
    kind = serializers.ChoiceField(Role.choices)
    status = serializers.ChoiceField(TradeStatus.choices)
    legs = OpenedLegsField(help_text="As reported at the opening.")
    quantity = DecimalTextField(**QUANTITY)
    multiplier = DecimalTextField(**MULTIPLIER)
    currency = serializers.CharField()
    entry_price = net_price_field(allow_null=True)
    entry_time = MomentField()
    entry_fees = EntryFeesField(source="*", **FEES, help_text="As booked: of a shadow, by the policy's schedule.")
    # Text that is "" until there is something to say.
    entry_provenance = serializers.CharField(allow_blank=True)
    risk_amount = DecimalTextField(**RISK, allow_null=True)
    opened_at = MomentField()
    exit_price = net_price_field(allow_null=True)
    exit_time = MomentField(allow_null=True)
    exit_fees = DecimalTextField(**FEES, allow_null=True)
    exit_reason = serializers.CharField(allow_blank=True)
    exit_provenance = serializers.CharField(allow_blank=True)
    conditions_hash = serializers.CharField(allow_blank=True)
    closed_at = MomentField(allow_null=True)
    flags = FlagsField()
    pnl = ResultPnlField(source="*", **PNL, allow_null=True, help_text="Net of fees, in currency.")
    fills = FillAnswerSerializer(many=True)
    own_exit = serializers.SerializerMethodField(help_text="Own exit of a shadow; null if there is none.")
    snapshot_instruments = serializers.SerializerMethodField(
        help_text="The shadow trade's legs: quote these in the exit's market_conditions."
    )
    quote_flags = serializers.SerializerMethodField(
        help_text="Quotes in the exit's market_conditions that cannot price anything, and why."
    )

    @extend_schema_field(OwnExitAnswerSerializer(allow_null=True))
    def get_own_exit(self, trade: RealTrade | ShadowTrade) -> Any:
        """A shadow's exit by its own rules."""
        own = getattr(trade, "own_exit", None) if isinstance(trade, ShadowTrade) else None
        return own and OwnExitAnswerSerializer.answer(own)

    def get_snapshot_instruments(self, trade: RealTrade | ShadowTrade) -> list[str]:
        """The shadow's, as of now: it may open after the real trade."""
        if isinstance(trade, ShadowTrade):
            # It must not learn what the other engine trades.
            return []
        return _instruments_of(related(_experiment_of(trade), "shadowtrades"))

    @extend_schema_field(QUOTE_FLAGS)
    def get_quote_flags(self, trade: RealTrade | ShadowTrade) -> dict[str, str]:
        """Empty for a shadow trade, too: the quotes are those of the real exit."""
        if isinstance(trade, ShadowTrade):
            return {}
        last = max(related(trade, "exit_directives"), key=lambda directive: directive.number, default=None)
        return last.quote_flags if last else {}


class OutcomeAnswerSerializer(FixedFields, serializers.Serializer[Outcome]):
    """What a closed trade came to, by the latest revision; figures are null where nobody priced it."""

    revision = serializers.IntegerField()
    gross_pnl = DecimalTextField(**PNL, allow_null=True)
    fees = DecimalTextField(**FEES)
    scheduled_fees = DecimalTextField(**FEES)
    pnl = DecimalTextField(**PNL, allow_null=True)
    risk_amount = DecimalTextField(**RISK)
    currency = serializers.CharField()
    price_provenance = serializers.CharField()
    recorded_at = MomentField()


class DirectiveAnswerSerializer(FixedFields, serializers.ModelSerializer[ExitDirective]):
    """A shadow's exit with the real trade, whatever has become of it."""

    id = serializers.CharField(source="name")
    legs = ClosingLegsField(source="closing_legs", allow_null=True)

    class Meta:
        model = ExitDirective
        fields = (
            "id", "number", "state", "exit_time", "legs", "is_last", "conditions_hash", "issued_at", "expires_at",
            "settled_at",
        )  # fmt: skip


class ViolationAnswerSerializer(FixedFields, serializers.ModelSerializer[Violation]):
    """A rule of the comparison that the engine broke."""

    class Meta:
        model = Violation
        fields = ("name", "detail", "found_at")


class TradeDocumentSerializer(TradeAnswerSerializer):
    """A trade with all that has become of it, so that an engine that has lost its memory can go on."""

    revision = serializers.IntegerField(help_text="1 at first; rises with every accepted amendment.")
    replayed = serializers.BooleanField(
        allow_null=True, help_text="Whether its signal came from a replay; null where the signal was deleted."
    )
    outcome = serializers.SerializerMethodField(help_text="Its result in force; null while it has none.")
    directives = serializers.SerializerMethodField(
        help_text="Exit directives of a shadow, by number; empty for a real trade."
    )
    violations = serializers.SerializerMethodField(help_text="Violations by this engine.")
    amendments = AmendmentAnswerSerializer(many=True)

    @extend_schema_field(OutcomeAnswerSerializer(allow_null=True))
    def get_outcome(self, trade: RealTrade | ShadowTrade) -> Any:
        """The last revision of the result, unless that withdraws it."""
        result = result_in_force(related(trade, "outcomes"))
        return result and OutcomeAnswerSerializer.answer(result)

    @extend_schema_field(DirectiveAnswerSerializer(many=True))
    def get_directives(self, trade: RealTrade | ShadowTrade) -> Any:
        """Those of a real trade are the other engine's to follow."""
        found = trade.exit_directives.all() if isinstance(trade, ShadowTrade) else ()
        in_order = sorted(found, key=lambda directive: directive.number)
        return [DirectiveAnswerSerializer.answer(directive) for directive in in_order]

    @extend_schema_field(ViolationAnswerSerializer(many=True))
    def get_violations(self, trade: RealTrade | ShadowTrade) -> Any:
        """The other engine's are not its business."""
        found = [each for each in _experiment_of(trade).violations.all() if each.engine == trade.engine]
        return [ViolationAnswerSerializer.answer(each) for each in sorted(found, key=lambda each: each.pk)]


class TradePageSerializer(FixedFields, serializers.Serializer[Any]):
    """One page of the engine's own trades, oldest first; `next_cursor` is null on the last one."""

    trades = TradeDocumentSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class KeptOwnExitSerializer(TradeAnswerSerializer):
    """A shadow trade whose own exit was kept."""

    code = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "const": "own_exit_kept"})
    def get_code(self, _trade: RealTrade | ShadowTrade) -> str:
        """So that an engine that reads no status does not take its shadow for closed, either."""
        return "own_exit_kept"


class PendingExitSerializer(FixedFields, serializers.Serializer[ExitDirective]):
    """A shadow exit that waits for its engine's quotes as of `exit_time`."""

    id = serializers.CharField(source="name")
    experiment_id = serializers.UUIDField()
    trade_id = serializers.UUIDField(source="shadow_trade_id", help_text="The engine's own shadow trade.")
    exit_time = MomentField()
    legs = ClosingLegsField(source="closing_legs", help_text="Instrument, side and quantity that it closes.")
    instruments = serializers.SerializerMethodField(help_text="The legs to quote.")
    market_conditions = ConditionsField()
    conditions_hash = serializers.CharField()
    issued_at = MomentField()
    expires_at = MomentField()

    def get_instruments(self, directive: ExitDirective) -> list[str]:
        """One for every leg that it closes."""
        return sorted({leg["instrument"] for leg in directive.closing_legs or ()})


class PendingExitsSerializer(FixedFields, serializers.Serializer[Any]):
    """All pending exits of the calling engine, oldest first."""

    exit_directives = PendingExitSerializer(many=True)


class SettledExitSerializer(FixedFields, serializers.Serializer[ExitDirective]):
    """A shadow exit that its engine has priced."""

    id = serializers.CharField(source="name")
    experiment_id = serializers.UUIDField()
    state = serializers.ChoiceField(DirectiveState.choices)
    exit_time = MomentField()
    conditions_hash = serializers.CharField()
    settled_at = MomentField()
    trade = TradeAnswerSerializer(source="shadow_trade")
