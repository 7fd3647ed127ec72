"""What engines send to correct a stored fill; the schema is made from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from rest_framework import serializers

from kernel.errors import DomainError
from kernel.fields import InstantField, StrictSerializer, TextField, members
from outcomes.core.amendments import AmendmentReport, Successor
from outcomes.core.books import LegFill
from outcomes.core.reports import MAX_LEGS
from outcomes.core.trades import QUANTITY
from outcomes.engine_api.serializers import (
    LEGS_MESSAGES,
    FillLegSerializer,
    InstrumentField,
    PositiveField,
    price_field,
)
from outcomes.models import AmendmentKind


class SuccessorSerializer(StrictSerializer):
    """What a contract became by a split, or under a new name."""

    instrument = InstrumentField(help_text="The contract that was held.")
    becomes = InstrumentField(help_text="The contract that replaces it.")
    ratio = PositiveField(**QUANTITY, default=Decimal(1), help_text="Units of the successor per unit held.")
    effective_at = InstantField()


class AmendmentValuesSerializer(StrictSerializer):
    """What a fill was in truth; members left out stay as stored."""

    together: ClassVar[dict[str, Any]] = {"dependentSchemas": {"successor": {"maxProperties": 1}}}
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=FillLegSerializer(), min_length=1, max_length=2 * MAX_LEGS, required=False, error_messages=LEGS_MESSAGES
    )
    fees = price_field(required=False, help_text="Negative for a rebate.")
    successor = SuccessorSerializer(
        required=False, help_text="For a contract that is still open; excludes `legs` and `fees`."
    )


class AmendmentSerializer(StrictSerializer):
    """A broker's correction or bust of a fill, for an operator to decide."""

    together: ClassVar[dict[str, Any]] = {
        "if": members(kind={"const": AmendmentKind.CORRECT.value}),
        "then": members(values={"minProperties": 1}) | {"required": ["values"]},
        "else": members(values={"maxProperties": 0}),
    }
    kind = serializers.ChoiceField(AmendmentKind.values)
    of = TextField(max_length=64, help_text='The fill_ref; "entry" or "exit".')
    values = AmendmentValuesSerializer(required=False, help_text="Only with CORRECT: what the fill really was.")
    reason = TextField(max_length=2000)
    evidence = TextField(max_length=4000, help_text="Where an operator can check it, such as the broker's notice.")

    def report(self) -> AmendmentReport:
        """The validated amendment; raise where its values do not fit its kind."""
        given = self.validated_data
        values = given.get("values", {})
        if bool(values) != (given["kind"] == AmendmentKind.CORRECT):
            detail = "A CORRECT needs values: legs, fees or a successor; a BUST takes none."
            raise DomainError("amendment_impossible", detail, "/values")
        if "successor" in values and len(values) > 1:
            detail = "Send a successor in an amendment of its own."
            raise DomainError("amendment_impossible", detail, "/values/successor")
        return AmendmentReport(
            kind=given["kind"],
            of=given["of"],
            legs=tuple(LegFill(**leg) for leg in values["legs"]) if "legs" in values else None,
            fees=values.get("fees"),
            successor=Successor(**values["successor"]) if "successor" in values else None,
            reason=given["reason"],
            evidence=given["evidence"],
        )
