"""What engines send and what they are answered, field by field; the schema is made from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from experiments.distribution import MAX_LEASE_SECONDS, MAX_LIMIT
from kernel.errors import DomainError
from kernel.long_polls import MAX_WAIT_SECONDS
from kernel.serializers import (
    AnyJSONField,
    DecimalTextField,
    InstantField,
    JSONObjectField,
    StrictSerializer,
    sha256_field,
)
from outcomes.core.trade_reports import (
    ExitReport,
    OpeningReport,
    ReportedLeg,
    ShadowExitReport,
    exact_document,
    field_text,
    request_hash,
)
from outcomes.core.trades import MULTIPLIER, NET_PRICE, PNL, PRICE, QUANTITY, SIGNS, quotes_of
from outcomes.models import (
    Action,
    DirectiveState,
    ExitDirective,
    ExitReason,
    PriceProvenance,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeStatus,
)
from outcomes.services import RecommendationReport
from policies.models import EngineName

MAX_LEGS = 4
MAX_RATIO = 1000
MAX_INSTRUMENT = 64
# UNPRICED is the orchestrator's word for a price that nobody gave; engines cannot report it.
REPORTED_PROVENANCES = [value for value in PriceProvenance.values if value != PriceProvenance.UNPRICED]


def price_field(**options: Any) -> DecimalTextField:
    """A field for the price of one unit, as the columns hold it."""
    return DecimalTextField(**PRICE, **options)


def net_price_field(**options: Any) -> DecimalTextField:
    """A field for the price of a trade: the net debit of up to four legs."""
    return DecimalTextField(**NET_PRICE, **options)


class InstrumentField(serializers.CharField):
    """A symbol, kept character for character: the spaces inside an OCC symbol count."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_INSTRUMENT, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """The symbol; other types, control characters and spaces around it are rejected."""
        if not isinstance(data, str) or not data.isprintable() or data != data.strip():
            self.fail("invalid")
        return super().to_internal_value(data)


class ExitReasonField(serializers.ChoiceField):
    """One of the known exit reasons, with an error code of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=ExitReason.choices, **options)

    def to_internal_value(self, data: Any) -> str:
        """The reason; raise `unknown_exit_reason`."""
        if not isinstance(data, str) or data not in ExitReason.values:
            known = ", ".join(ExitReason.values)
            raise DomainError("unknown_exit_reason", f"exit_reason must be one of {known}.", "/exit_reason")
        return data


class ClaimSerializer(StrictSerializer):
    """How much work, for how long, and how long to wait for it."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=10)
    lease_seconds = serializers.IntegerField(min_value=1, max_value=MAX_LEASE_SECONDS, default=60)
    wait_seconds = serializers.FloatField(min_value=0, max_value=MAX_WAIT_SECONDS, default=0)


class RecommendationSerializer(StrictSerializer):
    """An engine's answer to an experiment, made without knowing its role."""

    experiment_id = serializers.UUIDField()
    context_hash = sha256_field(help_text="SHA-256 of the market context that it was made from.")
    action = serializers.ChoiceField(Action.choices)
    strategy_version = serializers.CharField(max_length=100)
    rules_hash = sha256_field(help_text="SHA-256 of the engine's entry and exit rules.")
    recommendation = AnyJSONField(help_text="Any JSON value; stored byte for byte.")

    def report(self, body: bytes) -> RecommendationReport:
        """The validated answer; the recommendation's text comes from the body itself (R7.5)."""
        values = self.validated_data | {"recommendation": field_text(body, "recommendation")}
        return RecommendationReport(**values, request_hash=request_hash(self.initial_data))


class OpeningLegSerializer(StrictSerializer):
    """One leg of a trade that was opened."""

    instrument = InstrumentField()
    side = serializers.ChoiceField(list(SIGNS))
    ratio = serializers.IntegerField(min_value=1, max_value=MAX_RATIO, default=1)
    entry_price = price_field(required=False, help_text="Optional for a single leg: defaults to the trade's.")


class TradeSerializer(StrictSerializer):
    """A trade that was opened."""

    experiment_id = serializers.UUIDField()
    kind = serializers.ChoiceField(Role.choices, help_text="The role revealed by POST recommendations.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=OpeningLegSerializer(), min_length=1, max_length=MAX_LEGS
    )
    quantity = DecimalTextField(**QUANTITY, help_text="Contracts.")
    multiplier = DecimalTextField(**MULTIPLIER, help_text="Units per contract.")
    entry_price = net_price_field(required=False, help_text="Price of the single leg, or net debit.")
    entry_time = InstantField()
    fees = price_field(default=Decimal(0), help_text="Entry fees in account currency.")
    price_provenance = serializers.ChoiceField(REPORTED_PROVENANCES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Reject a quantity or multiplier of 0 or less."""
        for name in ("quantity", "multiplier"):
            if attrs[name] <= 0:
                raise serializers.ValidationError({name: ["Must be greater than 0."]}, code="not_positive")
        return attrs

    def report(self) -> OpeningReport:
        """The validated trade."""
        values = self.validated_data
        legs = tuple(ReportedLeg(**leg) for leg in values["legs"])
        return OpeningReport(**values | {"legs": legs, "entry_price": values.get("entry_price")})


class ExitLegSerializer(StrictSerializer):
    """One leg of a trade that was closed; side, ratio and entry price may be repeated from the entry."""

    instrument = InstrumentField()
    exit_price = price_field(required=False)
    side = serializers.ChoiceField(list(SIGNS), required=False)
    ratio = serializers.IntegerField(min_value=1, max_value=MAX_RATIO, required=False)
    entry_price = price_field(required=False)


class ExitSerializer(StrictSerializer):
    """How a trade was closed."""

    exit_time = InstantField()
    exit_price = net_price_field(required=False, help_text="Price of the single leg, or net debit.")
    exit_reason = ExitReasonField()
    fees = price_field(default=Decimal(0), help_text="Exit fees in account currency.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ExitLegSerializer(), max_length=MAX_LEGS, default=list
    )
    market_conditions = JSONObjectField(
        default=dict, help_text="{underlying, quotes: {instrument: {bid, ask, quote_time}}}, and anything else seen."
    )
    price_provenance = serializers.ChoiceField(
        REPORTED_PROVENANCES, required=False, help_text="Of the exit price; defaults to the entry's."
    )

    def report(self) -> ExitReport:
        """The validated exit."""
        values = self.validated_data
        return ExitReport(
            exit_time=values["exit_time"],
            exit_price=values.get("exit_price"),
            exit_reason=values["exit_reason"],
            legs=tuple(ReportedLeg(**leg) for leg in values["legs"]),
            fees=values["fees"],
            market_conditions=exact_document(values["market_conditions"]),
            price_provenance=values.get("price_provenance"),
        )


class ShadowExitSerializer(StrictSerializer):
    """A shadow engine's own quotes as of a directive's exit time."""

    quotes = JSONObjectField(required=False, help_text="{instrument: {bid, ask, quote_time}} for every leg.")
    market_conditions = JSONObjectField(required=False, help_text="May contain the quotes instead.")
    exit_time = InstantField(required=False, help_text="Must equal the directive's.")
    exit_price = net_price_field(required=False, help_text="Must match the quotes.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ExitLegSerializer(), max_length=MAX_LEGS, default=list
    )
    fees = price_field(default=Decimal(0), help_text="Exit fees in account currency.")

    def report(self) -> ShadowExitReport:
        """The validated exit; raise when quotes are in two places."""
        values = self.validated_data
        inside = quotes_of(values.get("market_conditions", {}))
        if inside and "quotes" in values:
            raise DomainError("quotes_twice", "Send quotes or market_conditions.quotes, not both.", "/quotes")
        return ShadowExitReport(
            quotes=exact_document(values.get("quotes", inside)),
            exit_time=values.get("exit_time"),
            exit_price=values.get("exit_price"),
            legs=tuple(ReportedLeg(**leg) for leg in values["legs"]),
            fees=values["fees"],
        )


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
