"""What the page of one experiment shows, derived from its stored rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from admin_kit.display import duration_text
from experiments.core.explanation import RuleStep, walk_rules
from experiments.models import ExecutionDecision, Experiment, SignalDistribution
from kernel.values import instant_text, plain_text
from outcomes.core.books import ZERO, Fill, in_force, positions, until_first_roll
from outcomes.core.checks import Plan
from outcomes.models import Incident, Outcome, Permit, RealTrade, Recommendation, ShadowTrade
from outcomes.selectors import by_engine, explanation_of, missing_rows
from outcomes.services.fills import core_fill

Acts = tuple[Recommendation | None, RealTrade | ShadowTrade | None, Outcome | None]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline; `link` is an admin model and id, `digest` a hash to compare."""

    at: datetime
    title: str
    detail: str = ""
    digest: str = ""
    link: tuple[str, object] | None = None


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event with the time since the one before."""

    event: Event
    delta: str


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One instrument and side as planned and as opened, up to a roll; 0 where only one of them has it."""

    instrument: str
    side: str
    planned: Decimal
    opened: Decimal

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
    def plan(self) -> Plan | None:
        """What the engine said it would trade, before it knew its role; None if it declined or has not answered."""
        document = self.recommendation.plan if self.recommendation else None
        return Plan.from_document(document) if document else None

    @property
    def planned_legs(self) -> list[PlannedLeg]:
        """The plan beside what was opened."""
        planned = self.plan.quantities() if self.plan else {}
        opened = positions(until_first_roll(_fills(self.trade)))
        return [
            PlannedLeg(*key, planned.get(key, ZERO), opened[key].opened if key in opened else ZERO)
            for key in [*planned, *(key for key in opened if key not in planned)]
        ]


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    """Everything the page shows beside the rows themselves."""

    missing: list[str]  # deleted behind the product's back
    sentence: str
    rules: list[RuleStep]
    timeline: list[TimedEvent]
    sides: list[Side]


def _fills(trade: RealTrade | ShadowTrade | None) -> list[Fill]:
    return [core_fill(row) for row in in_force(trade.fills.all())] if trade else []


def experiment_page(story: Experiment) -> ExperimentPage:
    """The page of an experiment whose related rows are loaded."""
    acts = by_engine(story)
    decision = story.decision
    permit: Permit | None = getattr(story, "permit", None)
    permits = {permit.engine: permit} if permit else {}
    return ExperimentPage(
        missing=missing_rows(story.pk),
        sentence=explanation_of(story),
        rules=walk_rules(decision.inputs, decision.rules_version),
        # A decision is written in one transaction, whose times do not show the order of the flow.
        timeline=timed([*decided(story), *sorted(answered(story, acts), key=lambda event: event.at)]),
        sides=[
            Side(engine, engine == decision.executed_engine, *acts[engine], permits.get(engine))
            for engine in ("A", "B")
        ],
    )


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


def decided(story: Experiment) -> Iterator[Event]:
    """How the alert became a decision that both engines can see, in the order of the flow."""
    signal, decision = story.signal, story.decision
    yield Event(
        signal.received_at,
        "Alert received",
        f"from source {signal.source}, fired at {instant_text(signal.timestamp)}",
        signal.signal_hash,
        ("signals_app_signal", signal.pk),
    )
    context = getattr(signal, "market_context", None)
    if context is not None:
        link = ("signals_app_marketcontext", signal.pk)
        yield Event(
            context.created_at, "Market context captured", "the same for both engines", context.context_hash, link
        )
    yield Event(
        story.created_at,
        f"Assigned to variant {story.variant}",
        f"bucket {story.bucket} of 10000, split {story.split_percentage}% to engine A",
        story.assignment_hash,
    )
    yield Event(
        decision.decided_at,
        f"Decided: {decision.execution_mode}",
        f"{decision.reason}, policy v{decision.policy_version_id}, rules {decision.rules_version}",
        decision.decision_hash,
        ("experiments_executiondecision", story.pk),
    )
    for distribution in sorted(story.distributions.all(), key=lambda row: row.engine):
        yield Event(
            distribution.distributed_at,
            f"Distributed to engine {distribution.engine}",
            digest=distribution.context_hash,
            link=("experiments_signaldistribution", distribution.pk),
        )


def answered(story: Experiment, acts: dict[str, Acts]) -> Iterator[Event]:
    """What the engines did about it, in no order."""
    for engine, (recommendation, trade, outcome) in acts.items():
        yield from _acts_of(engine, recommendation, trade, outcome)
    permit: Permit | None = getattr(story, "permit", None)
    if permit is not None and permit.confirmed_at is not None:
        valid = f"valid until {instant_text(permit.expires_at)}"
        link = ("outcomes_permit", permit.pk)
        yield Event(permit.confirmed_at, f"Engine {permit.engine} confirmed its permit", valid, link=link)
    yield from _directive(story)
    for incident in story.incidents.all():
        link = ("outcomes_incident", incident.pk)
        detail = f"{incident.engine}: {incident.detail}"
        yield Event(incident.occurred_at, f"Incident: {incident.kind}", detail, link=link)
    for violation in story.violations.all():
        link = ("outcomes_violation", violation.pk)
        detail = f"{violation.engine}: {violation.detail}"
        yield Event(violation.found_at, f"Violation: {violation.name}", detail, link=link)


def timed(ordered: list[Event]) -> list[TimedEvent]:
    """The events with the time that passed before each."""
    later = [
        # Never negative: the times of one transaction are not in the order of the flow.
        TimedEvent(event, f"+{duration_text(max((event.at - last.at).total_seconds(), 0.0))}")
        for last, event in pairwise(ordered)
    ]
    return [TimedEvent(ordered[0], ""), *later] if ordered else []


def _acts_of(
    engine: str, recommendation: Recommendation | None, trade: RealTrade | ShadowTrade | None, outcome: Outcome | None
) -> Iterator[Event]:
    if recommendation is not None:
        yield Event(
            recommendation.recommended_at,
            f"Engine {engine} recommended {recommendation.action}",
            f"role revealed: {recommendation.role} ({recommendation.role_reason})",
            recommendation.context_hash,
            ("outcomes_recommendation", recommendation.pk),
        )
    if trade is not None:
        yield from _trade(engine, trade)
    if outcome is not None:
        pnl = "UNPRICED" if outcome.pnl is None else f"P&L {'' if outcome.pnl < 0 else '+'}{plain_text(outcome.pnl)}"
        yield Event(outcome.recorded_at, f"Outcome of engine {engine} recorded", f"{pnl}, {outcome.exit_reason}")


def _trade(engine: str, trade: RealTrade | ShadowTrade) -> Iterator[Event]:
    kind = trade.kind.value.lower()
    link = (f"outcomes_{kind}trade", trade.pk)
    price = "not priced yet" if trade.entry_price is None else f"at {plain_text(trade.entry_price)}"
    entry = f"{plain_text(trade.quantity)} {price}, entered {instant_text(trade.entry_time)}"
    yield Event(trade.opened_at, f"Engine {engine} opened its {kind} trade", entry, link=link)
    for row, fill in zip(in_force(trade.fills.all()), _fills(trade), strict=True):
        # The entry stands above, the fill that closes below.
        if row.number > 1 and (trade.is_live or row.reported_at != trade.closed_at):
            happened = "contract got a successor" if row.is_succession else f"{kind} trade filled: {row.fill_ref}"
            title = f"Engine {engine}'s {happened}"
            executions = ", ".join(map(str, fill.legs))
            yield Event(row.reported_at, title, executions, link=("outcomes_tradefill", row.pk))
    own = getattr(trade, "own_exit", None)
    if own is not None:
        detail = f"{own.exit_reason}, exited {instant_text(own.exit_time)}"
        link_to_own = ("outcomes_ownexit", own.pk)
        yield Event(own.reported_at, f"Engine {engine} told when its shadow leaves", detail, link=link_to_own)
    if trade.closed_at is not None and trade.exit_time is not None:
        price = "unpriced" if trade.exit_price is None else f"at {plain_text(trade.exit_price)}"
        detail = f"{price}, {trade.exit_reason}, exited {instant_text(trade.exit_time)}"
        yield Event(trade.closed_at, f"Engine {engine}'s {kind} trade closed", detail, trade.conditions_hash, link)


def _directive(story: Experiment) -> Iterator[Event]:
    for directive in story.exit_directives.all():
        link = ("outcomes_exitdirective", directive.pk)
        title = f"Shadow exit ordered for engine {directive.shadow_engine}"
        share = f"{plain_text(directive.closed_quantity)} of {plain_text(directive.open_quantity)}"
        what = "all that is left" if directive.is_last else share
        detail = f"{what} at {instant_text(directive.exit_time)}, the time of the real fill"
        yield Event(directive.issued_at, title, detail, directive.conditions_hash, link)
        if directive.settled_at is not None:
            yield Event(directive.settled_at, f"Shadow exit settled: {directive.state}", link=link)
