"""What the page of one experiment shows, derived from its stored rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from experiments.core.explanation import RuleStep, walk_rules
from experiments.models import ExecutionDecision, Experiment, SignalDistribution
from orchestrator_site.console.timeline import Scale, TimedEvent, answered, decided, fills_of, scale_of, timed
from orchestrator_site.console.trade_words import headline, reasons_of
from outcomes.core.books import ZERO, PositionKey, until_first_roll
from outcomes.core.checks import Plan
from outcomes.core.quoting import contract_text
from outcomes.fill_rows import FillRow, fill_rows, in_r
from outcomes.models import Incident, Outcome, Permit, RealTrade, Recommendation, ShadowTrade
from outcomes.selectors import absences_of, by_engine, explanation_of, missing_rows


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One instrument and side as planned and as opened, up to a roll; 0 where only one of them has it."""

    instrument: str
    side: str
    planned: Decimal
    opened: Decimal

    @property
    def contract(self) -> str:
        """The instrument as it is said; an option's symbol in words."""
        return contract_text(self.instrument)

    @property
    def differs(self) -> bool:
        """Whether something else was opened than planned."""
        return self.planned != self.opened


@dataclass(frozen=True, slots=True)
class Side:
    """One engine's half of the comparison."""

    engine: str
    chosen: bool
    recommendation: Recommendation | None
    trade: RealTrade | ShadowTrade | None
    outcome: Outcome | None
    permit: Permit | None = None  # None of a shadow, too

    @property
    def kind(self) -> str:
        """REAL or SHADOW, as the trade was opened; empty without a trade."""
        return self.trade.kind.value if self.trade else ""

    @property
    def trade_link(self) -> tuple[str, object] | None:
        """Admin model and ID of the trade; None without one."""
        return (f"outcomes_{self.kind.lower()}trade", self.trade.pk) if self.trade else None

    @property
    def r(self) -> str | None:
        """P&L in units of the capital at risk; None where there is none yet."""
        return in_r(self.outcome.pnl, self.outcome.risk_amount) if self.outcome else None

    @property
    def plan(self) -> Plan | None:
        """What the engine said it would trade, before it knew its role; None if it declined or has not answered."""
        document = self.recommendation.plan if self.recommendation else None
        return Plan.from_document(document) if document else None

    @property
    def reasons(self) -> str:
        """Why it recommends that, where it says so."""
        return reasons_of(self.recommendation.recommendation) if self.recommendation else ""

    @property
    def fills(self) -> list[FillRow]:
        """What was executed, and the quotes that priced it."""
        return fill_rows(self.trade) if self.trade else []

    @property
    def planned_legs(self) -> list[PlannedLeg]:
        """The plan beside what was opened."""
        planned = self.plan.quantities() if self.plan else {}
        # Of openings alone: of a trade whose entry was deleted, the fills close what is not there.
        opened: dict[PositionKey, Decimal] = {}
        for leg in (leg for fill in until_first_roll(fills_of(self.trade)) for leg in fill.legs):
            if leg.effect == "OPEN":
                opened[leg.key] = opened.get(leg.key, ZERO) + leg.quantity
        return [PlannedLeg(*key, planned.get(key, ZERO), opened.get(key, ZERO)) for key in {**planned, **opened}]


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    """Everything the page shows beside the rows themselves."""

    missing: list[str]  # deleted behind the product's back
    headline: str  # "" where both have traded
    sentence: str
    rules: list[RuleStep]
    inputs: list[tuple[str, str]]
    timeline: list[TimedEvent]
    scale: Scale
    sides: list[Side]


def experiment_page(story: Experiment) -> ExperimentPage:
    """The page of an experiment whose related rows are loaded."""
    acts = by_engine(story)
    decision = story.decision
    permit: Permit | None = getattr(story, "permit", None)
    permits = {permit.engine: permit} if permit else {}
    # A decision is written in one transaction, whose times do not show the order of the flow.
    events = [*decided(story), *sorted(answered(story, acts), key=lambda event: event.at)]
    absences = absences_of(story)
    sides = [
        Side(engine, engine == decision.executed_engine, *acts[engine], permits.get(engine)) for engine in ("A", "B")
    ]
    return ExperimentPage(
        missing=missing_rows(story.pk),
        headline=headline(
            {side.engine: side.kind for side in sides if side.trade},
            {side.engine: side.recommendation.action for side in sides if side.recommendation},
            {side.engine: side.reasons for side in sides},
        ),
        sentence=explanation_of(story),
        rules=[
            replace(step, inputs=tuple((name, input_text(name, value, absences)) for name, value in step.inputs))
            for step in walk_rules(decision.inputs, decision.rules_version)
        ],
        inputs=[(name, input_text(name, value, absences)) for name, value in decision.inputs.items()],
        timeline=timed(events),
        scale=scale_of(events),
        sides=sides,
    )


def input_text(name: str, value: Any, absences: Mapping[str, str]) -> str:
    """An input of a decision in words, with what is known of an engine's absence and the limit that was reached."""
    if isinstance(value, Mapping):
        return f"{value['name']} was {value['value']}, limit {value['limit']}"
    if value is None:
        return "none"
    if not isinstance(value, bool):
        return str(value)
    absence = next((text for engine, text in absences.items() if name == f"engine_{engine.lower()}_available"), "")
    return f"no: {absence}" if absence else "yes" if value else "no"


def rows_left(experiment_id: UUID) -> list[tuple[str, tuple[str, object]]]:
    """Links to what is stored of an experiment whose story cannot be told, with their texts."""
    tables: dict[str, tuple[str, type[Any]]] = {
        "experiments_executiondecision": ("Decision", ExecutionDecision),
        "experiments_signaldistribution": ("Distribution", SignalDistribution),
        "outcomes_recommendation": ("Recommendation", Recommendation),
        "outcomes_permit": ("Permit", Permit),
        "outcomes_realtrade": ("Real trade", RealTrade),
        "outcomes_shadowtrade": ("Shadow trade", ShadowTrade),
        "outcomes_incident": ("Incident", Incident),
    }
    return [
        (f"{title} {key}", (target, key))
        for target, (title, table) in tables.items()
        for key in table.objects.filter(experiment_id=experiment_id).values_list("pk", flat=True)
    ]


def neighbours(story: Experiment) -> dict[str, Experiment | None]:
    """The experiments before and after this one, in the order of the list."""
    same_order = Experiment.objects.order_by("created_at", "experiment_id").only("experiment_id", "created_at")
    later = same_order.filter(created_at__gte=story.created_at).exclude(pk=story.pk)
    earlier = same_order.reverse().filter(created_at__lte=story.created_at).exclude(pk=story.pk)
    # Experiments of one batch share their time to the microsecond; the ID orders them.
    following = later.exclude(created_at=story.created_at, experiment_id__lt=story.pk).first()
    preceding = earlier.exclude(created_at=story.created_at, experiment_id__gt=story.pk).first()
    return {"previous": preceding, "next": following}
