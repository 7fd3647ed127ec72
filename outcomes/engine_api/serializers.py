"""What engines send, field by field; the schema is made from it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from rest_framework import serializers

from experiments.distribution import MAX_LEASE_SECONDS, MAX_LIMIT, MAX_WAIT_SECONDS
from kernel.canonical import exact_document
from kernel.errors import DomainError
from kernel.fields import (
    AnyJSONField,
    DecimalTextField,
    IdField,
    InstantField,
    PatternField,
    SecondsField,
    StrictSerializer,
    TextField,
    WholeField,
    members,
    sha256_field,
)
from outcomes.api_documents import ConditionsField, QuotesDocumentField, SettlementsDocumentField
from outcomes.core.books import LegFill
from outcomes.core.checks import Plan, PlannedLeg
from outcomes.core.quoting import (
    BAD_INSTRUMENT,
    INSTRUMENT_PATTERN,
    MAX_LENGTH,
    canonical_instrument,
    is_instrument,
)
from outcomes.core.repeats import meaning_hash, plan_meaning
from outcomes.core.reports import (
    MAX_LEGS,
    ExitReport,
    FillReport,
    OpeningReport,
    ReportedLeg,
    ShadowExitReport,
    field_text,
)
from outcomes.core.trades import (
    EFFECTS,
    MULTIPLIER,
    NET_PRICE,
    PRICE,
    QUANTITY,
    SIDES,
    Provenance,
)
from outcomes.models import (
    ENTRY,
    EXIT,
    Action,
    ExitReason,
    Role,
    TradeStatus,
)
from outcomes.selectors import CURSOR, MAX_TRADES, Position
from outcomes.services import RecommendationReport
from policies.core.settings import CURRENCY_ALLOWED, CURRENCY_PATTERN

MAX_RATIO = 1000
LEGS_MESSAGES: dict[str, Any] = {
    "min_length": "Send at least one leg.",
    "max_length": "Send at most {max_length} legs.",
}
ONCE = "Each instrument once."
_RESERVED = rf"(({ENTRY}|{EXIT})\s*$|directive-|succession-)"
_IS_RESERVED = re.compile(_RESERVED)
# The words that the referee assigns are accepted from a real trade, whose report is never refused for its content.
ANY_PROVENANCE = [value.value for value in Provenance if value != Provenance.UNPRICED]
# SYNCHRONISED is written by the orchestrator alone.
REPORTED_REASONS = [value for value in ExitReason.values if value != ExitReason.SYNCHRONISED]


def price_field(**options: Any) -> DecimalTextField:
    """A field for the price of one unit, as the columns hold it."""
    return DecimalTextField(**PRICE, **options)


def net_price_field(**options: Any) -> DecimalTextField:
    """A field for the price of a trade: the net debit of up to four legs."""
    return DecimalTextField(**NET_PRICE, **options)


class InstrumentField(TextField):
    """A symbol, at most 64 characters; an OCC symbol in any spelling becomes the padded one of 21 characters."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": BAD_INSTRUMENT}
    pattern = INSTRUMENT_PATTERN

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_LENGTH, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """The symbol; other types, and spaces around it, are rejected."""
        if not is_instrument(data):
            self.fail("invalid")
        return canonical_instrument(super().to_internal_value(data))


class ExitReasonField(serializers.ChoiceField):
    """One of the known exit reasons, with an error code of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=REPORTED_REASONS, **options)

    def to_internal_value(self, data: Any) -> str:
        """The reason; raise `unknown_exit_reason`."""
        if not isinstance(data, str) or data not in REPORTED_REASONS:
            known = ", ".join(REPORTED_REASONS)
            raise DomainError(
                "unknown_exit_reason", f"{self.field_name} must be one of {known}.", f"/{self.field_name}"
            )
        return data


class ClaimSerializer(StrictSerializer):
    """How much work, for how long, and how long to wait for it."""

    limit = WholeField(min_value=1, max_value=MAX_LIMIT, default=10)
    lease_seconds = WholeField(min_value=1, max_value=MAX_LEASE_SECONDS, default=60)
    wait_seconds = SecondsField(min_value=0, max_value=MAX_WAIT_SECONDS, default=0)


class RenewSerializer(StrictSerializer):
    """How much longer an assignment is worked on."""

    lease_seconds = WholeField(
        min_value=1, max_value=MAX_LEASE_SECONDS, default=60, help_text="Counted from now; a longer lease is kept."
    )
    lease_token = IdField(
        allow_null=True, default=None, help_text="The claim's; without it any lease of the engine counts."
    )


class ConfirmSerializer(StrictSerializer):
    """Nothing but the address says which permit."""


class PlannedLegSerializer(StrictSerializer):
    """One leg of a plan."""

    instrument = InstrumentField()
    side = serializers.ChoiceField(list(SIDES))
    ratio = WholeField(min_value=1, max_value=MAX_RATIO, default=1)


class CurrencyField(PatternField):
    """A currency's code in capitals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            f"^{CURRENCY_PATTERN}$", max_length=10, error_messages={"invalid": f"Send {CURRENCY_ALLOWED}."}, **options
        )


class PositiveField(DecimalTextField):
    """A number above 0."""

    above_zero = True

    def to_internal_value(self, data: Any) -> Decimal:
        """The number; raise `not_positive`."""
        is_number = isinstance(data, (int, Decimal)) and not isinstance(data, bool)
        # What is less than the least that there is, is not rounded up to it.
        if (is_number and data < self.step) or (value := super().to_internal_value(data)) <= 0:
            raise serializers.ValidationError("Must be greater than 0.", code="not_positive")
        return value


class PlanSerializer(StrictSerializer):
    """What an engine would trade, said before it knows its role; a shadow opens exactly this."""

    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=PlannedLegSerializer(), min_length=1, max_length=MAX_LEGS, error_messages=LEGS_MESSAGES, help_text=ONCE
    )
    quantity = PositiveField(**QUANTITY, help_text="Contracts.")
    multiplier = PositiveField(**MULTIPLIER, help_text="Units per contract.")
    currency = CurrencyField()
    risk_amount = DecimalTextField(**NET_PRICE, min_value=0, help_text="Capital at risk as the engine sees it.")


class RecommendationSerializer(StrictSerializer):
    """An engine's answer to an experiment, made without knowing its role."""

    together: ClassVar[dict[str, Any]] = {
        "if": members(action={"const": Action.OPEN.value}),
        "then": members(plan={"type": "object"}) | {"required": ["plan"]},
        "else": members(plan={"type": "null"}),
    }
    experiment_id = IdField()
    context_hash = sha256_field(help_text="SHA-256 of the market context that it was made from.")
    action = serializers.ChoiceField(Action.choices)
    strategy_version = TextField(max_length=100)
    rules_hash = sha256_field(help_text="SHA-256 of the engine's entry and exit rules.")
    plan = PlanSerializer(required=False, allow_null=True, help_text="Required with OPEN.")
    recommendation = AnyJSONField(help_text="Any JSON value; stored byte for byte.")
    lease_token = IdField(
        required=False,
        allow_null=True,
        help_text="The claim's: refuse this answer once another worker holds the lease.",
    )

    def report(self, body: bytes) -> RecommendationReport:
        """The validated answer; the recommendation's text comes from the body itself (R7.5)."""
        values = dict(self.validated_data)
        # Who answers is no part of what the answer means: another worker may repeat it.
        token = values.pop("lease_token", None)
        planned = values.get("plan")
        if values["action"] == Action.OPEN and planned is None:
            raise DomainError("plan_missing", "Say what the engine would trade before it learns its role.", "/plan")
        if values["action"] == Action.DECLINE and planned is not None:
            raise DomainError("plan_not_allowed", "A recommendation to decline has no plan.", "/plan")
        text = field_text(body, "recommendation")
        plan = planned and Plan(
            tuple(PlannedLeg(**leg) for leg in planned["legs"]),
            planned["quantity"],
            planned["multiplier"],
            planned["currency"],
            planned["risk_amount"],
        )
        meaning = values | {
            "plan": planned and plan_meaning(planned),
            "recommendation": exact_document(values["recommendation"]),
        }
        return RecommendationReport(
            **values | {"recommendation": text, "plan": plan}, lease_token=token, request_hash=meaning_hash(meaning)
        )


class OpeningLegSerializer(StrictSerializer):
    """One leg of a trade that was opened."""

    instrument = InstrumentField()
    side = serializers.ChoiceField(list(SIDES))
    ratio = WholeField(min_value=1, max_value=MAX_RATIO, default=1)
    entry_price = price_field(required=False, help_text="Optional for a single leg, and for a shadow.")


class TradeSerializer(StrictSerializer):
    """A trade that was opened."""

    experiment_id = IdField()
    kind = serializers.ChoiceField(Role.choices, help_text="The role revealed by POST recommendations.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=OpeningLegSerializer(), min_length=1, max_length=MAX_LEGS, error_messages=LEGS_MESSAGES, help_text=ONCE
    )
    quantity = PositiveField(**QUANTITY, help_text="Contracts.")
    multiplier = PositiveField(**MULTIPLIER, help_text="Units per contract.")
    entry_price = net_price_field(required=False, help_text="Price of the single leg, or net debit.")
    entry_time = InstantField()
    fees = price_field(default=Decimal(0), help_text="Entry fees; negative for a rebate. A shadow pays the schedule.")
    price_provenance = serializers.ChoiceField(ANY_PROVENANCE)
    currency = CurrencyField(required=False, help_text="Defaults to the plan's.")
    risk_amount = DecimalTextField(**NET_PRICE, required=False, help_text="Compared with the referee's own figure.")
    entry_quotes = QuotesDocumentField(
        default=dict, help_text="{instrument: {bid, ask, quote_time}} at the entry; required of a shadow."
    )

    def report(self) -> OpeningReport:
        """The validated trade."""
        values = self.validated_data
        legs = tuple(ReportedLeg(**leg) for leg in values["legs"])
        return OpeningReport(
            **values
            | {
                "legs": legs,
                "entry_price": values.get("entry_price"),
                "entry_quotes": exact_document(values["entry_quotes"]),
            }
        )


class FillRefField(TextField):
    """An engine's reference of a fill; those that the orchestrator gives are refused."""

    pattern = rf"^(?!\s*{_RESERVED}){TextField.pattern.removeprefix('^')}"

    def to_internal_value(self, data: Any) -> str:
        """The reference; raise `fill_ref_reserved`."""
        text = super().to_internal_value(data)
        if _IS_RESERVED.match(text):
            detail = f'"{text}" is reserved, like entry, exit, directive-… and succession-…: use one of your own.'
            raise DomainError("fill_ref_reserved", detail, "/fill_ref")
        return text


class FillLegSerializer(StrictSerializer):
    """One execution."""

    instrument = InstrumentField()
    effect = serializers.ChoiceField(list(EFFECTS))
    side = serializers.ChoiceField(list(SIDES), help_text="Side of the position: closing a LONG sells.")
    quantity = PositiveField(**QUANTITY, help_text="Quantity of the leg itself, ratio included.")
    price = price_field()


class FillSerializer(StrictSerializer):
    """One more fill of an open trade: scaling in, a partial exit, legging, a roll, a settlement."""

    fill_ref = FillRefField(max_length=64, help_text="The engine's own reference; makes retries safe.")
    time = InstantField()
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=FillLegSerializer(), min_length=1, max_length=2 * MAX_LEGS, error_messages=LEGS_MESSAGES
    )
    fees = price_field(default=Decimal(0), help_text="Negative for a rebate.")
    reason = ExitReasonField(required=False, help_text="Why the trade closes, if this fill closes it.")
    price_provenance = serializers.ChoiceField(ANY_PROVENANCE, required=False, help_text="Defaults to the trade's.")
    market_conditions = ConditionsField(default=dict, help_text="Same as for an exit.")

    def report(self) -> FillReport:
        """The validated fill."""
        values = self.validated_data
        return FillReport(
            fill_ref=values["fill_ref"],
            time=values["time"],
            legs=tuple(LegFill(**leg) for leg in values["legs"]),
            fees=values["fees"],
            reason=values.get("reason", ""),
            price_provenance=values.get("price_provenance"),
            market_conditions=exact_document(values["market_conditions"]),
        )


class ExitLegSerializer(StrictSerializer):
    """One leg of a trade that was closed; side, ratio and entry price may be repeated from the entry."""

    instrument = InstrumentField()
    exit_price = price_field(required=False)
    side = serializers.ChoiceField(list(SIDES), required=False)
    ratio = WholeField(min_value=1, max_value=MAX_RATIO, required=False)
    entry_price = price_field(required=False)


class ExitSerializer(StrictSerializer):
    """How all that is left of a trade was closed."""

    exit_time = InstantField()
    exit_price = net_price_field(required=False, help_text="Price of the single leg, or net debit.")
    exit_reason = ExitReasonField()
    fees = price_field(default=Decimal(0), help_text="Exit fees; negative for a rebate. A shadow pays the schedule.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ExitLegSerializer(), max_length=2 * MAX_LEGS, default=list, error_messages=LEGS_MESSAGES
    )
    market_conditions = ConditionsField(
        default=dict,
        help_text="{underlying, quotes: {instrument: {bid, ask, quote_time}}, settlements}, and anything else seen.",
    )
    price_provenance = serializers.ChoiceField(
        ANY_PROVENANCE, required=False, help_text="Provenance of the exit price; defaults to that of the entry."
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
    """A shadow engine's own quotes or settlements as of a directive's exit time."""

    together: ClassVar[dict[str, Any]] = {
        "allOf": [
            {
                "if": members(**{name: {}}) | {"required": [name]},
                "then": members(market_conditions=members(**{name: {"maxProperties": 0}})),
            }
            for name in ("quotes", "settlements")
        ]
    }
    quotes = QuotesDocumentField(required=False, help_text="{instrument: {bid, ask, quote_time}} for every leg.")
    settlements = SettlementsDocumentField(
        required=False, help_text="{instrument: {price, settled_at, kind, underlying}} for contracts that have ended."
    )
    market_conditions = ConditionsField(required=False, help_text="May contain quotes and settlements instead.")
    exit_time = InstantField(required=False, help_text="Must equal the directive's.")
    exit_price = net_price_field(required=False, help_text="Must match the quotes.")
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ExitLegSerializer(), max_length=2 * MAX_LEGS, default=list, error_messages=LEGS_MESSAGES
    )
    fees = price_field(default=Decimal(0), help_text="Ignored: a shadow pays the schedule.")

    def report(self) -> ShadowExitReport:
        """The validated exit; raise when quotes are in two places."""
        values = self.validated_data
        inside = values.get("market_conditions", {})
        conditions = dict(inside)
        for name in ("quotes", "settlements"):
            if name in values:
                if inside.get(name):
                    raise DomainError("quotes_twice", f"Send {name} or market_conditions.{name}, not both.", f"/{name}")
                conditions[name] = values[name]
        return ShadowExitReport(
            market_conditions=exact_document(conditions),
            exit_time=values.get("exit_time"),
            exit_price=values.get("exit_price"),
            legs=tuple(ReportedLeg(**leg) for leg in values["legs"]),
        )


class TradesQuerySerializer(StrictSerializer):
    """Which of the engine's own trades, and where the page begins."""

    experiment_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(TradeStatus.values, required=False)
    kind = serializers.ChoiceField(Role.values, required=False)
    since = InstantField(required=False, help_text="Opened at this time or later.")
    cursor = PatternField(CURSOR, required=False, help_text="The `next_cursor` of the page before.")
    page_size = serializers.IntegerField(min_value=1, max_value=MAX_TRADES, default=50)

    def validate_cursor(self, value: str) -> Position:
        """Where the last page ended."""
        return Position.read(value)


class AnswersQuerySerializer(StrictSerializer):
    """Which of the engine's own answers, and where the page begins."""

    since = InstantField(required=False, help_text="Answered at this time or later; default: a day ago.")
    cursor = PatternField(CURSOR, required=False, help_text="The `next_cursor` of the page before.")
    page_size = serializers.IntegerField(min_value=1, max_value=MAX_TRADES, default=50)

    def validate_cursor(self, value: str) -> Position:
        """Where the last page ended."""
        return Position.read(value)


class PendingExitsQuerySerializer(StrictSerializer):
    """How long to wait for an exit to price."""

    wait_seconds = serializers.FloatField(min_value=0, max_value=MAX_WAIT_SECONDS, default=0)
