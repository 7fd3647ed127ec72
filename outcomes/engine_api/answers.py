"""What engines are answered: their own recommendation, trades and pending exits."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from outcomes.engine_api.fields import DecimalTextField, JSONObjectField, net_price_field, price_field
from outcomes.models import (
    DirectiveState,
    ExitDirective,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeStatus,
)
from outcomes.selectors import snapshot_instruments
from policies.models import EngineName


class RecommendationAnswerSerializer(serializers.ModelSerializer[Recommendation]):
    """The role, revealed; `permit_expires_at` is null unless the engine may open a real trade."""

    experiment_id = serializers.UUIDField()
    reason = serializers.CharField(source="role_reason")

    class Meta:
        model = Recommendation
        fields = ("experiment_id", "engine", "action", "role", "reason", "permit_expires_at", "recommended_at")


class LegAnswerSerializer(serializers.Serializer[Any]):
    """One leg; `exit_price` is null until the trade is closed, and when it is UNPRICED."""

    instrument = serializers.CharField()
    side = serializers.CharField()
    ratio = serializers.IntegerField()
    entry_price = serializers.CharField()
    exit_price = serializers.CharField(allow_null=True)


class TradeAnswerSerializer(serializers.Serializer[Any]):
    """A trade of the calling engine; the exit's members are null or empty until it is closed."""

    trade_id = serializers.UUIDField()
    experiment_id = serializers.UUIDField()
    engine = serializers.ChoiceField(EngineName.choices)
    kind = serializers.ChoiceField(Role.choices)
    status = serializers.ChoiceField(TradeStatus.choices)
    legs = LegAnswerSerializer(many=True)
    quantity = DecimalTextField(max_digits=18, decimal_places=4)
    multiplier = DecimalTextField(max_digits=12, decimal_places=2)
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
    pnl = DecimalTextField(max_digits=60, decimal_places=14, allow_null=True, help_text="Net of fees, currency.")
    snapshot_instruments = serializers.ListField(
        child=serializers.CharField(), help_text="Quote these in the exit's market_conditions; the shadow's legs."
    )
    quote_flags = serializers.DictField(
        child=serializers.CharField(), help_text="Quotes of the exit's market_conditions that price nothing, and why."
    )


class PendingExitSerializer(serializers.Serializer[ExitDirective]):
    """A shadow exit that waits for its engine's quotes as of `exit_time`."""

    id = serializers.IntegerField()
    experiment_id = serializers.UUIDField()
    trade_id = serializers.UUIDField(source="shadow_trade_id", help_text="The engine's own shadow trade.")
    exit_time = serializers.DateTimeField()
    instruments = serializers.SerializerMethodField()
    market_conditions = JSONObjectField()
    conditions_hash = serializers.CharField()
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    def get_instruments(self, directive: ExitDirective) -> list[str]:
        """Return what to quote."""
        assert directive.shadow_trade is not None
        return [leg.instrument for leg in directive.shadow_trade.entered_legs]


class PendingExitsSerializer(serializers.Serializer[Any]):
    """All pending exits of the calling engine, oldest first."""

    exit_directives = PendingExitSerializer(many=True)


class SettledExitSerializer(serializers.Serializer[Any]):
    """A shadow exit that its engine has priced."""

    id = serializers.IntegerField()
    experiment_id = serializers.UUIDField()
    state = serializers.ChoiceField(DirectiveState.choices)
    exit_time = serializers.DateTimeField()
    conditions_hash = serializers.CharField()
    settled_at = serializers.DateTimeField()
    trade = TradeAnswerSerializer()


def trade_answer(trade: RealTrade | ShadowTrade) -> dict[str, Any]:
    """Return the trade as its own engine is answered, as of now."""
    return dict(TradeAnswerSerializer(_trade_values(trade)).data)


def settled_exit_answer(directive: ExitDirective) -> dict[str, Any]:
    """Return a settled exit with the shadow trade it closed."""
    assert directive.shadow_trade is not None
    names = ("id", "experiment_id", "state", "exit_time", "conditions_hash", "settled_at")
    values = {name: getattr(directive, name) for name in names}
    return dict(SettledExitSerializer(values | {"trade": _trade_values(directive.shadow_trade)}).data)


def _trade_values(trade: RealTrade | ShadowTrade) -> dict[str, Any]:
    names = (
        "trade_id", "experiment_id", "engine", "kind", "status", "quantity", "multiplier", "entry_price", "entry_time",
        "entry_fees", "entry_provenance", "opened_at", "exit_price", "exit_time", "exit_fees", "exit_reason",
        "exit_provenance", "conditions_hash", "closed_at",
    )  # fmt: skip
    outcome = getattr(trade, "outcome", None)
    directive = getattr(trade, "exit_directive", None) if isinstance(trade, RealTrade) else None
    return {name: getattr(trade, name) for name in names} | {
        "legs": _legs(trade),
        "pnl": outcome and outcome.pnl,
        "snapshot_instruments": snapshot_instruments(trade),
        "quote_flags": directive.quote_flags if directive else {},
    }


def _legs(trade: RealTrade | ShadowTrade) -> list[dict[str, Any]]:
    exits = {leg["instrument"]: leg["exit_price"] for leg in trade.exit_legs or ()}
    return [leg | {"exit_price": exits.get(leg["instrument"])} for leg in trade.legs]
