"""Bodies of the analyst's experiment calls (R5.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from experiments.models import REASON_CHOICES, ExecutionMode, Experiment
from kernel.fields import InstantField, PeriodSerializer, TextField
from kernel.values import decimal_text
from outcomes.core.books import entry_fees
from outcomes.models import Incident, Outcome, OwnExit, RealTrade, Recommendation, ShadowTrade, TradeFill, Violation
from outcomes.selectors import by_engine, explanation_of, missing_rows
from policies.models import EngineName
from signals_app.models import Direction, Signal


class ExperimentFilterSerializer(PeriodSerializer):
    """Query parameters of the list."""

    symbol = TextField(required=False, max_length=64)
    direction = serializers.ChoiceField(Direction.choices, required=False)
    timeframe = TextField(required=False, max_length=10)
    variant = serializers.ChoiceField(EngineName.choices, required=False)
    execution_mode = serializers.ChoiceField(ExecutionMode.choices, required=False)
    executed_engine = serializers.ChoiceField(EngineName.choices, required=False)
    reason = serializers.ChoiceField(REASON_CHOICES, required=False)
    policy_version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    since = InstantField(required=False)
    until = InstantField(required=False)

    def validate_symbol(self, value: str) -> str:
        """In upper case, as signals store it."""
        return value.upper()


class SignalSummarySerializer(serializers.ModelSerializer[Signal]):
    """The signal as stored."""

    class Meta:
        model = Signal
        fields = (
            "signal_id", "source", "exchange", "symbol", "direction", "timeframe", "timestamp", "strategy", "order_id",
            "signal_hash", "replayed", "received_at",
        )  # fmt: skip


class ExperimentSummarySerializer(serializers.ModelSerializer[Experiment]):
    """One row of the list: the signal, its assignment and the decision; null where a row of these was deleted."""

    signal = SignalSummarySerializer(allow_null=True)
    execution_mode = serializers.CharField(source="decision.execution_mode", allow_null=True)
    executed_engine = serializers.CharField(source="decision.executed_engine", allow_null=True)
    shadow_engine = serializers.CharField(source="decision.shadow_engine", allow_null=True)
    reason = serializers.CharField(source="decision.reason", allow_null=True)
    policy_version = serializers.IntegerField(source="policy_version_id")
    decided_at = serializers.DateTimeField(source="decision.decided_at", allow_null=True)

    class Meta:
        model = Experiment
        fields: ClassVar[tuple[str, ...]] = (
            "experiment_id", "signal", "variant", "assignment_hash", "assignment_key_id", "bucket",
            "split_percentage", "policy_version", "execution_mode", "executed_engine", "shadow_engine", "reason",
            "created_at", "decided_at",
        )  # fmt: skip


class RecommendationStorySerializer(serializers.ModelSerializer[Recommendation]):
    """What an engine recommended, exactly as sent, and the role that it was shown."""

    reason = serializers.CharField(source="role_reason")

    class Meta:
        model = Recommendation
        fields = (
            "action", "strategy_version", "rules_hash", "context_hash", "plan", "recommendation",
            "recommended_at", "role", "reason", "permit_expires_at",
        )  # fmt: skip


class EngineStorySerializer(serializers.Serializer[Any]):
    """One engine's part in an experiment; null for what it has not done."""

    distributed_at = serializers.DateTimeField(allow_null=True)
    permit_confirmed_at = serializers.DateTimeField(allow_null=True, help_text="Null for a shadow, too.")
    recommendation = RecommendationStorySerializer(allow_null=True)
    trade = serializers.DictField(allow_null=True)
    outcome = serializers.DictField(allow_null=True)


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """A report that was rejected and kept."""

    class Meta:
        model = Incident
        fields = ("kind", "engine", "detail", "occurred_at")


class ViolationSerializer(serializers.ModelSerializer[Violation]):
    """A broken rule of the comparison."""

    class Meta:
        model = Violation
        fields = ("name", "engine", "detail", "found_at")


class ExperimentStorySerializer(ExperimentSummarySerializer):
    """Which engine recommended what, who executed, and why."""

    explanation = serializers.SerializerMethodField()
    missing = serializers.SerializerMethodField(help_text="What was deleted from the database; normally empty.")
    market_context = serializers.DictField(source="signal.market_context.context", allow_null=True)
    context_hash = serializers.CharField(source="signal.market_context.context_hash", allow_null=True)
    inputs = serializers.DictField(source="decision.inputs")
    rules_version = serializers.IntegerField(source="decision.rules_version")
    decision_hash = serializers.CharField(source="decision.decision_hash")
    engines = serializers.SerializerMethodField()
    exit_directives = serializers.SerializerMethodField()
    incidents = IncidentSerializer(many=True)
    violations = ViolationSerializer(many=True)

    class Meta(ExperimentSummarySerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (
            *ExperimentSummarySerializer.Meta.fields,
            "explanation", "missing", "market_context", "context_hash", "inputs", "rules_version", "decision_hash",
            "engines", "exit_directives", "incidents", "violations",
        )  # fmt: skip

    def get_missing(self, experiment: Experiment) -> list[str]:
        """In words, in the order of the flow."""
        return missing_rows(experiment.pk)

    def get_explanation(self, experiment: Experiment) -> str:
        """The decision in one sentence."""
        return explanation_of(experiment)

    def get_engines(self, experiment: Experiment) -> dict[str, Any]:
        """Both engines' parts, side by side."""
        distributed = {d.engine: d.distributed_at for d in experiment.distributions.all()}
        permit = getattr(experiment, "permit", None)
        confirmed = {permit.engine: permit.confirmed_at} if permit else {}
        return {
            engine: EngineStorySerializer(
                {
                    "distributed_at": distributed.get(engine),
                    "permit_confirmed_at": confirmed.get(engine),
                    "recommendation": recommendation,
                    "trade": trade and trade_document(trade),
                    "outcome": outcome and outcome_document(outcome),
                }
            ).data
            for engine, (recommendation, trade, outcome) in by_engine(experiment).items()
        }

    def get_exit_directives(self, experiment: Experiment) -> list[dict[str, Any]]:
        """The shadow exits, one for each closing fill of the real trade; empty before the first."""
        names = (
            "number", "state", "shadow_engine", "exit_time", "conditions_hash", "is_last", "closing_legs",
            "quote_flags", "issued_at", "expires_at", "settled_at",
        )  # fmt: skip
        found = sorted(experiment.exit_directives.all(), key=lambda directive: directive.number)
        return [{name: getattr(directive, name) for name in names} for directive in found]


def trade_document(trade: RealTrade | ShadowTrade) -> dict[str, Any]:
    """A trade as analysts see it, real or shadow; money as text."""
    plain = (
        "kind", "trade_id", "legs", "currency", "entry_time", "entry_provenance", "status", "flags", "exit_time",
        "exit_reason", "exit_provenance", "conditions_hash", "opened_at", "closed_at",
    )  # fmt: skip
    money = ("quantity", "multiplier", "entry_price", "risk_amount", "exit_price", "exit_fees")
    document = _document(trade, plain, money)
    document["entry_fees"] = decimal_text(entry_fees(trade.fills.all(), trade.entry_fees))
    document["fills"] = [fill_document(fill) for fill in sorted(trade.fills.all(), key=lambda fill: fill.number)]
    own = getattr(trade, "own_exit", None) if isinstance(trade, ShadowTrade) else None
    document["own_exit"] = own and own_exit_document(own)
    return document


def fill_document(fill: TradeFill) -> dict[str, Any]:
    """A fill as analysts see it, with the quotes that its prices came from; one of its revisions."""
    plain = ("fill_ref", "revision", "time", "legs", "reason", "price_provenance", "conditions_hash", "reported_at")
    return _document(fill, plain, ("fees", "scheduled_fees"))


def own_exit_document(own: OwnExit) -> dict[str, Any]:
    """An own exit as analysts see it."""
    plain = ("state", "exit_time", "exit_reason", "legs", "price_provenance", "violations", "reported_at")
    return _document(own, plain, ("fees", "pnl"))


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """An outcome as analysts see it; money as text, undefined P&L null."""
    plain = ("exit_reason", "price_provenance", "exit_time", "conditions_hash", "recorded_at")
    money = ("entry_price", "exit_price", "gross_pnl", "fees", "scheduled_fees", "pnl", "compared_pnl", "risk_amount")
    return _document(outcome, (*plain, "currency", "revision"), money)


def _document(
    row: RealTrade | ShadowTrade | Outcome | TradeFill | OwnExit, plain: tuple[str, ...], money: tuple[str, ...]
) -> dict[str, Any]:
    # As text: most readers of JSON make doubles of numbers, and cents of doubles are not exact.
    amounts = {name: getattr(row, name) for name in money}
    return {name: getattr(row, name) for name in plain} | {
        name: None if value is None else decimal_text(value) for name, value in amounts.items()
    }
