"""`GET performance`: the report as JSON, its filters and its schema (R5.3, R5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from experiments.models import ExecutionMode
from kernel.fields import InstantField, PeriodSerializer, TextField, query_of
from outcomes.core.trades import Provenance
from outcomes.performance.figures import FIGURES, Figure, Kind
from outcomes.performance.pairs import PAIR_FIGURES
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from policies.access import IsAnalyst
from policies.core.settings import CURRENCY_ALLOWED, CURRENCY_PATTERN
from policies.models import EngineName
from signals_app.models import Direction

EXIT_PRICES = (*(value.value for value in Provenance if value is not Provenance.BROKER_FILL), "MIXED")
TIMEFRAME = r"^[1-9][0-9]{0,8}[smhdwMRT]$"


class PerformanceFilterSerializer(PeriodSerializer):
    """Query parameters; unknown ones are rejected by name, absent ones mean any."""

    since = InstantField(required=False, help_text="Exits at or after this time, RFC 3339 with zone.")
    until = InstantField(required=False, help_text="Exits before this time, RFC 3339 with zone.")
    symbol = TextField(required=False, max_length=64)
    timeframe = serializers.RegexField(
        TIMEFRAME,
        required=False,
        help_text="Canonical, such as 5m, 1h, 1d, 1M (month), 10R, 100T.",
        error_messages={"invalid": "Write a timeframe as 5m, 1h, 1d, 1M (month), 10R or 100T."},
    )
    direction = serializers.ChoiceField(Direction.choices, required=False)
    strategy = TextField(
        required=False, max_length=200, allow_blank=True, help_text="Leave blank for signals without a strategy."
    )
    source = TextField(  # type: ignore[assignment]  # DRF takes declared fields off the class
        required=False, max_length=50, help_text="Slug of the webhook source."
    )
    execution_mode = serializers.ChoiceField(ExecutionMode.choices, required=False)
    # What the column holds: a larger number is an error of the database, and a 500.
    policy_version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    variant = serializers.ChoiceField(EngineName.choices, required=False)
    hour = serializers.IntegerField(
        required=False, min_value=0, max_value=23, help_text="Hour of the signal in New York."
    )
    provenance = serializers.ChoiceField(
        EXIT_PRICES,
        required=False,
        help_text="Where the shadow's exit price came from; MIXED for two shadows that differ.",
    )
    currency = serializers.RegexField(
        f"^{CURRENCY_PATTERN}$",
        required=False,
        error_messages={"invalid": f"Write a currency as {CURRENCY_ALLOWED}."},
        help_text="Currency, such as USD. Default: the only one on record, or else that of the policy in force.",
    )

    def validate_symbol(self, value: str) -> str:
        """In upper case, as signals store it."""
        return value.upper()

    def filters(self) -> PerformanceFilters:
        """The validated query."""
        return PerformanceFilters(**self.validated_data)


class _Reasons(serializers.DictField):
    """Why each null is null, by field."""

    child = serializers.CharField()


# Tables by name: the schema names a component once, however often a report holds it.
_SERIALIZERS: dict[str, tuple[Sequence[Figure], type[serializers.Serializer[Any]]]] = {}


def figures_serializer(name: str, meaning: str, figures: Sequence[Figure]) -> type[serializers.Serializer[Any]]:
    """The serializer of a table of figures, from which the schema of the answer is made."""
    if name in _SERIALIZERS:
        known, serializer = _SERIALIZERS[name]
        assert known == figures, f"{name} is the name of two tables of figures"
        return serializer
    fields: dict[str, Any] = {figure.name: _field(figure) for figure in figures}
    if any(figure.why_undefined for figure in figures):
        fields["undefined"] = _Reasons()
    made = type(f"{name}Serializer", (serializers.Serializer,), {"__doc__": meaning} | fields)
    _SERIALIZERS[name] = (figures, made)
    return made


def _field(figure: Figure) -> serializers.Field[Any, Any, Any, Any]:
    meaning = figure.definition + (f" ({figure.unit})" if figure.unit else "")
    options: dict[str, Any] = {"help_text": meaning}
    if figure.why_undefined or figure.nullable:
        options["allow_null"] = True
    if figure.kind in (Kind.GROUP, Kind.LIST):
        group = figures_serializer(figure.name.title().replace("_", ""), meaning, figure.parts)
        return group(many=True) if figure.kind is Kind.LIST else group(**options)
    if figure.interval:
        return serializers.ListField(child=serializers.CharField(), **options)
    if figure.kind is Kind.TALLY:
        return serializers.DictField(child=serializers.IntegerField(), **options)
    if figure.kind is Kind.FLAG:
        return serializers.BooleanField(**options)
    if figure.choices:
        return serializers.ChoiceField(figure.choices, **options)
    return (serializers.IntegerField if figure.kind is Kind.COUNT else serializers.CharField)(**options)


_EngineFigures = figures_serializer("EngineFigures", "One engine's trades of one kind.", FIGURES)


class EngineKindsSerializer(serializers.Serializer[Any]):
    """Real trades, shadows, and the shadows' own exits side by side, never added."""

    real = _EngineFigures()
    shadow = _EngineFigures()
    own_exit = _EngineFigures()


class EnginesSerializer(serializers.Serializer[Any]):
    """Both engines."""

    A = EngineKindsSerializer()
    B = EngineKindsSerializer()


class _AnsweredBySerializer(serializers.Serializer[Any]):
    """An engine in a phase; blank where it has not answered."""

    strategy_version = serializers.CharField(allow_blank=True)
    rules_hash = serializers.CharField(allow_blank=True)


class _BothAnsweredBySerializer(serializers.Serializer[Any]):
    """Both engines in a phase."""

    A = _AnsweredBySerializer()
    B = _AnsweredBySerializer()


class PhaseSerializer(serializers.Serializer[Any]):
    """A stretch with the same policy version, and the same strategy version and rules of both engines."""

    policy_version = serializers.IntegerField()
    first_day = serializers.DateField(help_text="First day of its exits, New York.")
    last_day = serializers.DateField()
    engines = _BothAnsweredBySerializer()


class PerformanceReportSerializer(serializers.Serializer[Any]):
    """The report: it describes, and gives no verdict."""

    filters = serializers.DictField(help_text="Filters as applied; null means any. The currency is always given.")
    currencies = serializers.ListField(
        child=serializers.CharField(), help_text="Currencies of the stored outcomes; the report covers one."
    )
    as_of = serializers.DateTimeField(help_text="By the database clock, UTC.")
    report_hash = serializers.CharField(help_text="SHA-256 of the canonical report without as_of and itself.")
    phases = PhaseSerializer(
        many=True, help_text="Phases of the closed trades, oldest first; the figures cover all of them."
    )
    conventions = serializers.DictField(child=serializers.CharField())
    engines = EnginesSerializer()
    pairs = figures_serializer(
        "Pairs", "Pairs of a real and a shadow trade; those of two shadows apart.", PAIR_FIGURES
    )()


class PerformanceView(APIView):
    """How the engines compare."""

    permission_classes = (IsAnalyst,)

    @extend_schema(
        parameters=[PerformanceFilterSerializer], responses=PerformanceReportSerializer, operation_id="performance"
    )
    def get(self, request: Request) -> Response:
        """Answer the report over the outcomes that match the filters."""
        query = PerformanceFilterSerializer(data=query_of(request))
        query.is_valid(raise_exception=True)
        return Response(performance_report(query.filters()))
