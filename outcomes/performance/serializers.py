"""Query and answer of the performance call."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from experiments.models import ExecutionMode
from outcomes.engine_api.fields import InstantField
from outcomes.performance.filters import PerformanceFilters
from policies.models import EngineName
from policies.serializers import StrictSerializer
from signals_app.models import Direction

TIMEFRAME = r"^[1-9][0-9]{0,8}[smhdwM]$"


class PerformanceFilterSerializer(StrictSerializer):
    """Query parameters; unknown ones are refused by name, absent ones mean any."""

    since = InstantField(required=False, help_text="First exit time included, RFC 3339 with zone.")
    until = InstantField(required=False, help_text="First exit time left out, RFC 3339 with zone.")
    symbol = serializers.CharField(required=False, max_length=64)
    timeframe = serializers.RegexField(
        TIMEFRAME, required=False, help_text="Canonical, such as 5m, 1h, 1d, 1M (month)."
    )
    direction = serializers.ChoiceField(Direction.choices, required=False)
    strategy = serializers.CharField(
        required=False, max_length=200, allow_blank=True, help_text="Empty for signals that came without one."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # DRF takes declared fields off the class
        required=False, max_length=50, help_text="Slug of the webhook source."
    )
    execution_mode = serializers.ChoiceField(ExecutionMode.choices, required=False)
    policy_version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    variant = serializers.ChoiceField(EngineName.choices, required=False)

    def validate_symbol(self, value: str) -> str:
        """Return the symbol as signals write it."""
        return value.upper()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        since, until = attrs.get("since"), attrs.get("until")
        if since is not None and until is not None and since > until:
            raise serializers.ValidationError({"until": "The period ends before it begins: until is before since."})
        return attrs

    def filters(self) -> PerformanceFilters:
        """Return the validated query."""
        return PerformanceFilters(**self.validated_data)


class _Number(serializers.CharField):
    """A decimal number as text; null where undefined."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)


class _Reasons(serializers.DictField):
    """Why each null is null, by member."""

    child = serializers.CharField()


class EngineFiguresSerializer(serializers.Serializer[Any]):
    """One engine's real or shadow trades; `conventions` defines each figure."""

    n = serializers.IntegerField(help_text="Priced trades of pairs that broke no rule.")
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    flats = serializers.IntegerField()
    active_days = serializers.IntegerField(help_text="New York dates with an exit.")
    win_rate = _Number()
    win_rate_interval = serializers.ListField(child=serializers.CharField(), allow_null=True)
    total_pnl = serializers.CharField()
    average_pnl = _Number()
    average_win = _Number()
    average_loss = _Number()
    sharpe_per_trade = _Number(help_text="Not annualised.")
    sharpe_daily = _Number(help_text="Active days in America/New_York, x sqrt(252).")
    sortino_per_trade = _Number()
    max_drawdown = _Number(help_text="Currency, positive.")
    profit_factor = _Number()
    payoff_ratio = _Number()
    psr = _Number()
    min_track_record_length = _Number()
    unpriced = serializers.IntegerField()
    violations = serializers.IntegerField(help_text="Priced, but left out: their pair broke a rule.")
    price_provenance = serializers.DictField(child=serializers.IntegerField())
    undefined = _Reasons()


class EngineKindsSerializer(serializers.Serializer[Any]):
    """Real and shadow side by side, never added."""

    real = EngineFiguresSerializer()
    shadow = EngineFiguresSerializer()


class EnginesSerializer(serializers.Serializer[Any]):
    """Both engines."""

    A = EngineKindsSerializer()
    B = EngineKindsSerializer()


class WilcoxonSerializer(serializers.Serializer[Any]):
    """Signed-rank test."""

    statistic = serializers.CharField()
    p = serializers.CharField()


class SignTestSerializer(serializers.Serializer[Any]):
    """Who wins more often; not who earns more."""

    a_better = serializers.IntegerField()
    b_better = serializers.IntegerField()
    tied = serializers.IntegerField()
    p = _Number()


class ComparisonSerializer(serializers.Serializer[Any]):
    """A minus B over pairs."""

    n = serializers.IntegerField()
    mean_difference = _Number()
    sd = _Number()
    confidence_sequence = serializers.ListField(child=serializers.CharField(), allow_null=True)
    verdict = serializers.ChoiceField(("A_BETTER", "B_BETTER", "INCONCLUSIVE"))
    verdict_reason = serializers.CharField()
    pairs_still_needed = serializers.IntegerField(allow_null=True)
    wilcoxon = WilcoxonSerializer(allow_null=True)
    sign_test = SignTestSerializer()
    unpriced = serializers.IntegerField()
    violations = serializers.IntegerField()
    undefined = _Reasons()


class RoleSerializer(serializers.Serializer[Any]):
    """Pairs in which one engine was the real one."""

    n = serializers.IntegerField()
    mean_difference = serializers.CharField()


class RoleBalancedSerializer(serializers.Serializer[Any]):
    """Engine skill, apart from the cost of real execution."""

    engine_effect = serializers.CharField()
    real_execution_effect = serializers.CharField()
    standard_error = _Number()
    a_real = RoleSerializer()
    b_real = RoleSerializer()


class SplitSerializer(serializers.Serializer[Any]):
    """Variants against one pinned split."""

    split_percentage = serializers.CharField()
    a = serializers.IntegerField()
    b = serializers.IntegerField()
    chi_square = _Number()
    p = _Number()
    alert = serializers.BooleanField()
    undefined = _Reasons()


class CompletenessSerializer(serializers.Serializer[Any]):
    """Experiments by who has answered."""

    both = serializers.IntegerField()
    a_only = serializers.IntegerField()
    b_only = serializers.IntegerField()
    neither = serializers.IntegerField()
    p = _Number()


class PairsSerializer(ComparisonSerializer):
    """Pairs of a real and a shadow trade; those of two shadows apart."""

    role_balanced = RoleBalancedSerializer(allow_null=True)
    caution = serializers.CharField(allow_null=True)
    unpaired = ComparisonSerializer()
    sample_ratio = SplitSerializer(many=True)
    completeness = CompletenessSerializer()


class PerformanceReportSerializer(serializers.Serializer[Any]):
    """The report."""

    filters = serializers.DictField(help_text="As understood; null means any.")
    as_of = serializers.DateTimeField(help_text="By the database clock, UTC.")
    conventions = serializers.DictField(child=serializers.CharField())
    engines = EnginesSerializer()
    pairs = PairsSerializer()
