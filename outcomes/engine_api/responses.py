"""What engines are answered: their own work, trades and pending exits, and nothing of the other engine's."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kernel.serializers import DecimalTextField, JSONObjectField
from outcomes.core.pricing import MULTIPLIER, PNL, QUANTITY
from outcomes.engine_api.requests import net_price_field, price_field
from outcomes.models import (
    DirectiveState,
    ExitDirective,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeStatus,
)
from policies.models import EngineName


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

    class Meta:
        model = Recommendation
        fields = ("experiment_id", "engine", "action", "role", "reason", "permit_expires_at", "recommended_at")


class LegAnswerSerializer(serializers.Serializer[Any]):
    """One leg; `exit_price` is null while the trade is open, and when it is UNPRICED."""

    instrument = serializers.CharField()
    side = serializers.CharField()
    ratio = serializers.IntegerField()
    entry_price = serializers.CharField()
    exit_price = serializers.CharField(allow_null=True)


class TradeAnswerSerializer(serializers.Serializer[RealTrade | ShadowTrade]):
    """A trade of the calling engine; the exit's fields are null or empty until it is closed."""

    trade_id = serializers.UUIDField()
    experiment_id = serializers.UUIDField()
    engine = serializers.ChoiceField(EngineName.choices)
    kind = serializers.ChoiceField(Role.choices)
    status = serializers.ChoiceField(TradeStatus.choices)
    legs = serializers.SerializerMethodField()
    quantity = DecimalTextField(**QUANTITY)
    multiplier = DecimalTextField(**MULTIPLIER)
    entry_price = net_price_field()
    entry_time = serializers.DateTimeField()
    entry_fees = price_field()
    entry_provenance = serializers.CharField()
    opened_at = serializers.DateTimeField()
    exit_price = net_price_field(allow_null=True)
    exit_time = serializers.DateTimeField(allow_null=True)
    exit_fees = price_field(allow_null=True)
    exit_reason = serializers.CharField()
    exit_provenance = serializers.CharField()
    conditions_hash = serializers.CharField()
    closed_at = serializers.DateTimeField(allow_null=True)
    pnl = DecimalTextField(source="outcome.pnl", **PNL, allow_null=True, help_text="Net of fees, in currency.")
    snapshot_instruments = serializers.SerializerMethodField(
        help_text="The shadow trade's legs: quote these in the exit's market_conditions."
    )
    quote_flags = serializers.SerializerMethodField(
        help_text="Quotes in the exit's market_conditions that cannot price anything, and why."
    )

    @extend_schema_field(LegAnswerSerializer(many=True))
    def get_legs(self, trade: RealTrade | ShadowTrade) -> list[dict[str, Any]]:
        """The legs as entered, each with its exit price."""
        exits = {leg["instrument"]: leg["exit_price"] for leg in trade.exit_legs or ()}
        return [leg | {"exit_price": exits.get(leg["instrument"])} for leg in trade.legs]

    def get_snapshot_instruments(self, trade: RealTrade | ShadowTrade) -> list[str]:
        """The shadow's, as of now: it may open after the real trade."""
        if isinstance(trade, ShadowTrade):
            # It must not learn what the other engine trades.
            return []
        shadows = ShadowTrade.objects.filter(experiment_id=trade.experiment_id)
        return sorted({leg.instrument for shadow in shadows for leg in shadow.entered_legs})

    def get_quote_flags(self, trade: RealTrade | ShadowTrade) -> dict[str, str]:
        """Empty for a shadow trade, too: the quotes are those of the real exit."""
        directive = getattr(trade, "exit_directive", None) if isinstance(trade, RealTrade) else None
        return directive.quote_flags if directive else {}


class PendingExitSerializer(serializers.Serializer[ExitDirective]):
    """A shadow exit that waits for its engine's quotes as of `exit_time`."""

    id = serializers.IntegerField()
    experiment_id = serializers.UUIDField()
    trade_id = serializers.UUIDField(source="shadow_trade_id", help_text="The engine's own shadow trade.")
    exit_time = serializers.DateTimeField()
    instruments = serializers.SerializerMethodField(help_text="The legs to quote.")
    market_conditions = JSONObjectField()
    conditions_hash = serializers.CharField()
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    def get_instruments(self, directive: ExitDirective) -> list[str]:
        """One for every leg of the shadow trade."""
        assert directive.shadow_trade is not None
        return [leg.instrument for leg in directive.shadow_trade.entered_legs]


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
