"""Bodies that engines send about recommendations, trades and exits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from kernel.errors import DomainError
from outcomes.core.pricing import quotes_of
from outcomes.core.trade_reports import (
    ExitReport,
    OpeningReport,
    ReportedLeg,
    ShadowExitReport,
    exact_document,
    field_text,
    request_hash,
)
from outcomes.engine_api.fields import (
    AnyJSONField,
    DecimalTextField,
    ExitReasonField,
    InstantField,
    InstrumentField,
    JSONObjectField,
    net_price_field,
    price_field,
)
from outcomes.models import Action, PriceProvenance, Role
from outcomes.services import RecommendationReport
from policies.serializers import StrictSerializer, sha256_field

MAX_LEGS = 4
MAX_RATIO = 1000
SIDES = ("LONG", "SHORT")
# UNPRICED is what the orchestrator says of a price nobody gave; nobody reports it.
REPORTED_PROVENANCES = [value for value in PriceProvenance.values if value != PriceProvenance.UNPRICED]


class RecommendationSerializer(StrictSerializer):
    """An engine's answer to an experiment, made without knowing its role."""

    experiment_id = serializers.UUIDField()
    context_hash = sha256_field(help_text="Of the market context it was made from.")
    action = serializers.ChoiceField(Action.choices)
    strategy_version = serializers.CharField(max_length=100)
    rules_hash = sha256_field(help_text="SHA-256 of the engine's entry and exit rules.")
    recommendation = AnyJSONField(help_text="Any JSON value; stored byte for byte.")

    def report(self, body: bytes) -> RecommendationReport:
        """Return the validated answer; the recommendation's text comes from the body itself (R7.5)."""
        values = self.validated_data | {"recommendation": field_text(body, "recommendation")}
        return RecommendationReport(**values, request_hash=request_hash(self.initial_data))


class OpeningLegSerializer(StrictSerializer):
    """One leg of a trade that was opened."""

    instrument = InstrumentField()
    side = serializers.ChoiceField(SIDES)
    ratio = serializers.IntegerField(min_value=1, max_value=MAX_RATIO, default=1)
    entry_price = price_field(required=False, help_text="A single leg may leave it to the trade's entry_price.")


class TradeSerializer(StrictSerializer):
    """A trade that was opened."""

    experiment_id = serializers.UUIDField()
    kind = serializers.ChoiceField(Role.choices, help_text="The role revealed by POST recommendations.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=OpeningLegSerializer(), min_length=1, max_length=MAX_LEGS
    )
    quantity = DecimalTextField(max_digits=18, decimal_places=4)
    multiplier = DecimalTextField(max_digits=12, decimal_places=2)
    entry_price = net_price_field(required=False, help_text="The single leg's price, or the net debit.")
    entry_time = InstantField()
    fees = price_field(default=Decimal(0), help_text="Paid at entry, in currency.")
    price_provenance = serializers.ChoiceField(REPORTED_PROVENANCES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse sizes that are none."""
        for name in ("quantity", "multiplier"):
            if attrs[name] <= 0:
                raise serializers.ValidationError({name: ["Must be more than 0."]}, code="not_positive")
        return attrs

    def report(self) -> OpeningReport:
        """Return the validated trade."""
        values = self.validated_data
        legs = tuple(ReportedLeg(**leg) for leg in values["legs"])
        return OpeningReport(**values | {"legs": legs, "entry_price": values.get("entry_price")})


class ExitLegSerializer(StrictSerializer):
    """One leg of a trade that was closed; what the entry said may be said again."""

    instrument = InstrumentField()
    exit_price = price_field(required=False)
    side = serializers.ChoiceField(SIDES, required=False)
    ratio = serializers.IntegerField(min_value=1, max_value=MAX_RATIO, required=False)
    entry_price = price_field(required=False)


class ExitSerializer(StrictSerializer):
    """How a trade was closed."""

    exit_time = InstantField()
    exit_price = net_price_field(required=False, help_text="The single leg's price, or the net debit.")
    exit_reason = ExitReasonField()
    fees = price_field(default=Decimal(0), help_text="Paid at exit, in currency.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ExitLegSerializer(), max_length=MAX_LEGS, default=list
    )
    market_conditions = JSONObjectField(
        default=dict, help_text="{underlying, quotes: {instrument: {bid, ask, quote_time}}} and whatever was seen."
    )
    price_provenance = serializers.ChoiceField(
        REPORTED_PROVENANCES, required=False, help_text="Of the exit price; the entry's when absent."
    )

    def report(self) -> ExitReport:
        """Return the validated exit."""
        values = self.validated_data
        return ExitReport(
            exit_time=values["exit_time"],
            exit_price=values.get("exit_price"),
            exit_reason=values["exit_reason"],
            legs=_reported(values["legs"]),
            fees=values["fees"],
            market_conditions=exact_document(values["market_conditions"]),
            price_provenance=values.get("price_provenance"),
        )


class ShadowExitSerializer(StrictSerializer):
    """A shadow engine's own quotes as of a directive's exit time."""

    quotes = JSONObjectField(required=False, help_text="{instrument: {bid, ask, quote_time}} for every leg.")
    market_conditions = JSONObjectField(required=False, help_text="May hold the quotes instead.")
    exit_time = InstantField(required=False, help_text="Must be the directive's.")
    exit_price = net_price_field(required=False, help_text="Must be what the quotes make.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ExitLegSerializer(), max_length=MAX_LEGS, default=list
    )
    fees = price_field(default=Decimal(0), help_text="Of the exit, in currency.")

    def report(self) -> ShadowExitReport:
        """Return the validated exit; raise when quotes stand in two places."""
        values = self.validated_data
        inside = quotes_of(values.get("market_conditions", {}))
        if inside and "quotes" in values:
            raise DomainError("quotes_twice", "Send the quotes in one place: quotes or market_conditions.", "/quotes")
        return ShadowExitReport(
            quotes=exact_document(values.get("quotes", inside)),
            exit_time=values.get("exit_time"),
            exit_price=values.get("exit_price"),
            legs=_reported(values["legs"]),
            fees=values["fees"],
        )


def _reported(legs: list[dict[str, Any]]) -> tuple[ReportedLeg, ...]:
    return tuple(ReportedLeg(**leg) for leg in legs)
