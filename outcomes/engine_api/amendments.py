"""What engines send to correct a stored fill; the schema is made from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from kernel.canonical import canonical_json, exact_document
from kernel.errors import DomainError
from kernel.fields import JSON_OBJECT, JSON_OR_NULL, InstantField, StrictSerializer, TextField, WholeField, members
from outcomes.core.amendments import AmendmentReport, CorrectedPrice, Successor
from outcomes.core.books import LegFill
from outcomes.core.reports import MAX_LEGS
from outcomes.core.trades import EFFECTS, QUANTITY, SIDES
from outcomes.engine_api.serializers import (
    LEGS_MESSAGES,
    MAX_RATIO,
    InstrumentField,
    PositiveField,
    price_field,
)
from outcomes.models import ENTRY, EXIT, AmendmentKind

# What each report calls a price: of "entry", of "exit", and of any fill.
ENTRY_PRICE, EXIT_PRICE, PRICE_ALONE = "entry_price", "exit_price", "price"
OF_ONE_REPORT = {ENTRY_PRICE: ENTRY, EXIT_PRICE: EXIT}
# The words of a leg, by its price, beside the instrument: those that it must have, and those that it may have.
LEG_FORMS = {
    PRICE_ALONE: ({"effect", "side", "quantity", PRICE_ALONE}, set[str]()),
    ENTRY_PRICE: ({ENTRY_PRICE}, {"side", "ratio"}),
    EXIT_PRICE: ({EXIT_PRICE}, {"side", "ratio"}),
}
OF_A_LEG = set[str]().union(*(words | also for words, also in LEG_FORMS.values()))
LEG_ADVICE = "a leg is told as in a fill (effect, side, quantity, price), by entry_price or by exit_price."
# Each says the prices of the whole fill.
PRICED = {"legs", PRICE_ALONE, ENTRY_PRICE, EXIT_PRICE}
MAX_EVIDENCE = 4000
TIMES = ("time", "entry_time", "exit_time")
WRONG_TIME = (
    "Times cannot be amended: the shadow has followed them. Bust an exit or a fill at a wrong time and, once that is "
    "accepted, report it anew (a fill under another fill_ref)."
)
CORRECTABLE = "An amendment corrects legs (with prices and quantities) and fees, or names a successor."


def _error(detail: str, code: str) -> list[str]:
    return [serializers.ErrorDetail(detail, code)]


def _with(name: str) -> dict[str, Any]:
    """An object with this member."""
    return members(**{name: {}}) | {"required": [name]}


def _without(names: set[str]) -> dict[str, Any]:
    """An object without these members."""
    return members(**{name: {"not": {}} for name in sorted(names)})


def _nowhere(name: str) -> dict[str, Any]:
    """Values that do not say this word, neither of the whole nor of a leg."""
    return members(legs={"items": _without({name})}, **{name: {"not": {}}})


class SuccessorSerializer(StrictSerializer):
    """What a contract became by a split, or under a new name."""

    instrument = InstrumentField(help_text="The contract that was held.")
    becomes = InstrumentField(help_text="The contract that replaces it.")
    ratio = PositiveField(**QUANTITY, default=Decimal(1), help_text="Units of the successor per unit held.")
    effective_at = InstantField()


class AmendedLegSerializer(StrictSerializer):
    """One leg as it was filled in truth: an execution as in a fill, or its price as in an opening or an exit."""

    together: ClassVar[dict[str, Any]] = {
        "oneOf": [{"required": sorted(words)} | _without(OF_A_LEG - words - also) for words, also in LEG_FORMS.values()]
    }
    instrument = InstrumentField()
    effect = serializers.ChoiceField(list(EFFECTS), required=False, help_text="Only as in a fill.")
    side = serializers.ChoiceField(
        list(SIDES), required=False, help_text="Side of the position; required as in a fill."
    )
    quantity = PositiveField(**QUANTITY, required=False, help_text="Only as in a fill; else it stays as stored.")
    price = price_field(required=False, help_text="As in a fill, with effect, side and quantity.")
    ratio = WholeField(min_value=1, max_value=MAX_RATIO, required=False, help_text="The opening's; cannot be amended.")
    entry_price = price_field(required=False, help_text='As in an opening; only of "entry".')
    exit_price = price_field(required=False, help_text='As in an exit; only of "exit".')

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Reject a leg in the words of two reports, and one that lacks some of them."""
        form = next((name for name in (ENTRY_PRICE, EXIT_PRICE) if name in attrs), PRICE_ALONE)
        words, also = LEG_FORMS[form]
        said = attrs.keys() & OF_A_LEG
        errors = {name: _error(f"Not beside {form}: {LEG_ADVICE}", "invalid") for name in sorted(said - words - also)}
        errors |= {name: _error(f"This field is required: {LEG_ADVICE}", "required") for name in sorted(words - said)}
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class AmendmentValuesSerializer(StrictSerializer):
    """What a fill was in truth, as in a fill or in the words of the report that told it; the rest stays as stored."""

    together: ClassVar[dict[str, Any]] = {
        "dependentSchemas": {
            "successor": {"maxProperties": 1},
            **{name: _without(PRICED - {name}) for name in sorted(PRICED)},
        },
        # A word of one leg is one of all.
        "allOf": [
            {"anyOf": [members(legs={"items": each}) for each in (_with(name), _without({name}))]}
            for name in OF_ONE_REPORT
        ],
    }
    legs: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=AmendedLegSerializer(),
        min_length=1,
        max_length=2 * MAX_LEGS,
        required=False,
        error_messages=LEGS_MESSAGES,
        help_text="All legs as in a fill, or those of the opening or the exit whose price was another.",
    )
    price = price_field(required=False, help_text="Instead of `legs`, of a fill with one leg.")
    entry_price = price_field(required=False, help_text='Instead of `legs`, of an "entry" with one leg.')
    exit_price = price_field(required=False, help_text='Instead of `legs`, of an "exit" with one leg.')
    fees = price_field(required=False, help_text="Negative for a rebate.")
    successor = SuccessorSerializer(
        required=False, help_text="For a contract that is still open; excludes all the others."
    )

    def words_for_unknown(self, name: str) -> str:
        """What can be corrected, and what to do about a wrong time."""
        return f"{WRONG_TIME} {CORRECTABLE}" if name in TIMES else f"Unknown field. {CORRECTABLE}"


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "maxLength": MAX_EVIDENCE, "pattern": TextField.pattern},
            {"type": "array", "items": JSON_OR_NULL, "minItems": 1},
            JSON_OBJECT | {"minProperties": 1},
        ]
    }
)
class EvidenceField(TextField):
    """Text, or a JSON object or array, which becomes its canonical text: that is what is compared and stored."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_EVIDENCE, **options)

    def run_validation(self, data: Any = empty) -> Any:
        """The text; a document may be as long as a body."""
        if not isinstance(data, (dict, list)):
            return super().run_validation(data)
        if not data:
            self.fail("blank")
        return canonical_json(exact_document(data)).decode()


class AmendmentSerializer(StrictSerializer):
    """A broker's correction or bust of a fill, for an operator to decide."""

    together: ClassVar[dict[str, Any]] = {
        "if": members(kind={"const": AmendmentKind.CORRECT.value}),
        "then": members(values={"minProperties": 1}) | {"required": ["values"]},
        "else": members(values={"maxProperties": 0}),
        "allOf": [
            {"anyOf": [members(of={"pattern": rf"^\s*{ref}\s*$"}), members(values=_nowhere(name))]}
            for name, ref in OF_ONE_REPORT.items()
        ],
    }
    kind = serializers.ChoiceField(AmendmentKind.values)
    of = TextField(max_length=64, help_text='The fill_ref; "entry" or "exit".')
    values = AmendmentValuesSerializer(required=False, help_text="Only with CORRECT: what the fill really was.")
    reason = TextField(max_length=2000)
    evidence = EvidenceField(
        help_text="Where an operator can check it, such as the broker's notice: text, or an object or a list, which is "
        "kept, and answered, as its canonical JSON."
    )

    def report(self) -> AmendmentReport:
        """The validated amendment; raise where its values do not fit its kind or its fill."""
        given = self.validated_data
        values = given.get("values", {})
        if bool(values) != (given["kind"] == AmendmentKind.CORRECT):
            raise _impossible("A CORRECT needs values: legs, a price, fees or a successor; a BUST takes none.")
        if "successor" in values and len(values) > 1:
            raise _impossible("Send a successor in an amendment of its own.", "/successor")
        legs, prices = _legs_and_prices(given["of"], values)
        return AmendmentReport(
            kind=given["kind"],
            of=given["of"],
            legs=legs,
            prices=prices,
            fees=values.get("fees"),
            successor=Successor(**values["successor"]) if "successor" in values else None,
            reason=given["reason"],
            evidence=given["evidence"],
        )


def _legs_and_prices(of: str, values: dict[str, Any]) -> tuple[tuple[LegFill, ...] | None, tuple[CorrectedPrice, ...]]:
    """The legs told as in a fill, else the prices told in the words of an opening, of an exit or of a single leg."""
    priced = sorted(PRICED & values.keys())
    if len(priced) > 1:
        raise _impossible(f"Send {' or '.join(priced)}, not both: say each price once.", f"/{priced[-1]}")
    legs: list[dict[str, Any]] = values.get("legs", [])
    if not priced:
        return None, ()
    if not legs:
        _refuse_words_of_another_report(of, priced, "")
        return None, (CorrectedPrice(values[priced[0]]),)
    prices = []
    for number, leg in enumerate(legs):
        said = [name for name in OF_ONE_REPORT if name in leg]
        _refuse_words_of_another_report(of, said, f"/legs/{number}")
        prices += [CorrectedPrice(leg[name], leg["instrument"], leg.get("side"), leg.get("ratio")) for name in said]
    if not prices:
        return tuple(LegFill(**leg) for leg in legs), ()
    if len(prices) < len(legs):
        raise _impossible(f"Send all legs in one form. {LEG_ADVICE}", "/legs")
    return None, tuple(prices)


def _refuse_words_of_another_report(of: str, said: list[str], at: str) -> None:
    for name in said:
        if OF_ONE_REPORT.get(name, of) != of:
            raise _impossible(f'{name} is of "{OF_ONE_REPORT[name]}", and this amends "{of}".', f"{at}/{name}")


def _impossible(detail: str, pointer: str = "") -> DomainError:
    return DomainError("amendment_impossible", detail, f"/values{pointer}")
