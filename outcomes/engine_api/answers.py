"""What engines are answered, field by field; the schema is made from it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from kernel.fields import (
    DecimalTextField,
    JSONObjectField,
)
from outcomes.core.trades import (
    FEES,
    MULTIPLIER,
    PNL,
    QUANTITY,
    RISK,
)
from outcomes.engine_api.serializers import net_price_field, price_field
from outcomes.models import (
    DirectiveState,
    ExitDirective,
    Permit,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeAmendment,
    TradeFill,
    TradeStatus,
)
from policies.models import EngineName
from policies.selectors import open_halt


class AssignmentSerializer(serializers.Serializer[Any]):
    """One piece of work, byte for byte the same context for both engines."""

    experiment_id = serializers.UUIDField()
    signal = serializers.DictField()
    market_context = serializers.DictField()
    context_hash = serializers.CharField()
    distributed_at = serializers.DateTimeField()
    lease_expires_at = serializers.DateTimeField(allow_null=True)


class ClaimedSerializer(serializers.Serializer[Any]):
    """What a claim leased; empty when nothing came in time."""

    assignments = AssignmentSerializer(many=True)


class RecommendationAnswerSerializer(serializers.ModelSerializer[Recommendation]):
    """The revealed role; `permit_expires_at` is null unless the engine may open a real trade."""

    experiment_id = serializers.UUIDField()
    reason = serializers.CharField(source="role_reason")
    halted = serializers.SerializerMethodField(help_text="Whether the kill switch is on now, also in a repetition.")

    class Meta:
        model = Recommendation
        fields = (
            "experiment_id", "engine", "action", "role", "reason", "permit_expires_at", "recommended_at", "halted",
        )  # fmt: skip

    def get_halted(self, _recommendation: Recommendation) -> bool:
        """The present state, which the stored role need not know of."""
        return open_halt() is not None


class PermitAnswerSerializer(serializers.Serializer[Permit]):
    """A confirmed permit: the real order may go out now, and must be filled by `valid_until`."""

    experiment_id = serializers.UUIDField()
    valid_until = serializers.DateTimeField(source="expires_at")


class FillAnswerSerializer(serializers.ModelSerializer[TradeFill]):
    """One fill as booked."""

    fees = DecimalTextField(**FEES)
    scheduled_fees = DecimalTextField(**FEES)

    class Meta:
        model = TradeFill
        fields = (
            "fill_ref", "time", "legs", "fees", "scheduled_fees", "reason", "price_provenance", "conditions_hash",
            "reported_at",
        )  # fmt: skip


class AmendmentAnswerSerializer(serializers.ModelSerializer[TradeAmendment]):
    """A proposal as stored, and what an operator decided about it."""

    trade_id = serializers.UUIDField(source="trade.pk")
    experiment_id = serializers.UUIDField()
    of = serializers.CharField(source="fill_ref")

    class Meta:
        model = TradeAmendment
        fields = (
            "id", "trade_id", "experiment_id", "kind", "of", "values", "reason", "evidence", "state", "proposed_at",
            "decided_at", "decision_reason",
        )  # fmt: skip


class TradeAnswerSerializer(serializers.Serializer[RealTrade | ShadowTrade]):
    """A trade of the calling engine; the exit's fields are null or empty until it is closed."""

    trade_id = serializers.UUIDField()
    experiment_id = serializers.UUIDField()
    engine = serializers.ChoiceField(EngineName.choices)
    kind = serializers.ChoiceField(Role.choices)
    status = serializers.ChoiceField(TradeStatus.choices)
    legs = serializers.JSONField(help_text="As reported at the opening.")
    quantity = DecimalTextField(**QUANTITY)
    multiplier = DecimalTextField(**MULTIPLIER)
    currency = serializers.CharField()
    entry_price = net_price_field(allow_null=True)
    entry_time = serializers.DateTimeField()
    entry_fees = price_field()
    entry_provenance = serializers.CharField()
    risk_amount = DecimalTextField(**RISK, allow_null=True)
    opened_at = serializers.DateTimeField()
    exit_price = net_price_field(allow_null=True)
    exit_time = serializers.DateTimeField(allow_null=True)
    exit_fees = DecimalTextField(**FEES, allow_null=True)
    exit_reason = serializers.CharField()
    exit_provenance = serializers.CharField()
    conditions_hash = serializers.CharField()
    closed_at = serializers.DateTimeField(allow_null=True)
    flags = serializers.JSONField()
    pnl = DecimalTextField(source="outcome.pnl", **PNL, allow_null=True, help_text="Net of fees, in currency.")
    fills = FillAnswerSerializer(many=True)
    own_exit = serializers.SerializerMethodField(help_text="PENDING, DONE or UNPRICED; null without one.")
    snapshot_instruments = serializers.SerializerMethodField(
        help_text="The shadow trade's legs: quote these in the exit's market_conditions."
    )
    quote_flags = serializers.SerializerMethodField(
        help_text="Quotes in the exit's market_conditions that cannot price anything, and why."
    )

    def get_own_exit(self, trade: RealTrade | ShadowTrade) -> str | None:
        """The state of a shadow's own exit."""
        own = getattr(trade, "own_exit", None) if isinstance(trade, ShadowTrade) else None
        return own.state if own else None

    def get_snapshot_instruments(self, trade: RealTrade | ShadowTrade) -> list[str]:
        """The shadow's, as of now: it may open after the real trade."""
        if isinstance(trade, ShadowTrade):
            # It must not learn what the other engine trades.
            return []
        shadows = ShadowTrade.objects.filter(experiment_id=trade.experiment_id)
        return sorted({leg["instrument"] for shadow in shadows for leg in shadow.legs})

    def get_quote_flags(self, trade: RealTrade | ShadowTrade) -> dict[str, str]:
        """Empty for a shadow trade, too: the quotes are those of the real exit."""
        if isinstance(trade, ShadowTrade):
            return {}
        directive = ExitDirective.objects.filter(real_trade=trade).order_by("-number").first()
        return directive.quote_flags if directive else {}


class PendingExitSerializer(serializers.Serializer[ExitDirective]):
    """A shadow exit that waits for its engine's quotes as of `exit_time`."""

    id = serializers.IntegerField()
    experiment_id = serializers.UUIDField()
    trade_id = serializers.UUIDField(source="shadow_trade_id", help_text="The engine's own shadow trade.")
    exit_time = serializers.DateTimeField()
    legs = serializers.JSONField(source="closing_legs", help_text="Instrument, side and quantity that it closes.")
    instruments = serializers.SerializerMethodField(help_text="The legs to quote.")
    market_conditions = JSONObjectField()
    conditions_hash = serializers.CharField()
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    def get_instruments(self, directive: ExitDirective) -> list[str]:
        """One for every leg that it closes."""
        return sorted({leg["instrument"] for leg in directive.closing_legs or ()})


class PendingExitsSerializer(serializers.Serializer[Any]):
    """All pending exits of the calling engine, oldest first."""

    exit_directives = PendingExitSerializer(many=True)


class SettledExitSerializer(serializers.Serializer[ExitDirective]):
    """A shadow exit that its engine has priced."""

    id = serializers.IntegerField()
    experiment_id = serializers.UUIDField()
    state = serializers.ChoiceField(DirectiveState.choices)
    exit_time = serializers.DateTimeField()
    conditions_hash = serializers.CharField()
    settled_at = serializers.DateTimeField()
    trade = TradeAnswerSerializer(source="shadow_trade")
