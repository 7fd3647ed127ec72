"""What happened to one signal, in order: by whom, after how long, and where each moment lies on a scale of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from math import log1p
from typing import Any

from admin_kit.display import duration_text
from experiments.models import Experiment
from kernel.values import decimal_text, instant_text, plain_text
from outcomes.amendment_rows import proposed_lines
from outcomes.core.books import Fill, in_force, net_price, ratios_of
from outcomes.models import (
    ENTRY,
    EXIT,
    AmendmentKind,
    IncidentAcknowledgement,
    Outcome,
    Permit,
    RealTrade,
    Recommendation,
    ShadowTrade,
    TradeAmendment,
)
from outcomes.services.fills import core_fill

Acts = tuple[Recommendation | None, RealTrade | ShadowTrade | None, Outcome | None]
SENDER, ORCHESTRATOR, OPERATOR = "Sender", "Orchestrator", "Operator"
# One lane each, from top to bottom; that of operators only where one has decided something.
_ACTORS = (SENDER, ORCHESTRATOR, OPERATOR, "Engine A", "Engine B")
_FIRST_LANE, _LANE_HEIGHT = 24, 30  # pixels
# What the scale names, in seconds: the steps of one flow take from milliseconds to weeks.
_TICKS = ((0.1, "0.1 s"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (36_000, "10 h"),
          (86_400, "1 d"), (604_800, "7 d"), (2_592_000, "30 d"), (31_536_000, "1 y"))  # fmt: skip
# The scale is logarithmic; below this many seconds it is nearly straight.
_FINEST = 0.05


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline; `link` is an admin model and id, `digest` a hash to compare, `actor` who did it."""

    at: datetime
    title: str
    detail: str = ""
    digest: str = ""
    link: tuple[str, object] | None = None
    actor: str = ORCHESTRATOR


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event with the time since the one before."""

    event: Event
    delta: str


def fills_of(trade: RealTrade | ShadowTrade | None) -> list[Fill]:
    """The fills of a trade that are in force; none without a trade."""
    return [core_fill(row) for row in in_force(trade.fills.all())] if trade else []


def decided(story: Experiment) -> Iterator[Event]:
    """How the alert became a decision that both engines can see, in the order of the flow."""
    signal, decision = story.signal, story.decision
    yield Event(
        signal.received_at,
        "Alert received",
        f"from source {signal.source}, fired at {instant_text(signal.timestamp)}",
        signal.signal_hash,
        ("signals_app_signal", signal.pk),
        SENDER,
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
        f"bucket {story.bucket} of 10000, split {plain_text(story.split_percentage)}% to engine A",
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
    """What the engines did about it, and what operators decided; of one moment in the order of the flow."""
    for amendment in sorted(story.amendments.all(), key=lambda row: row.pk):
        # Before what the decision led to, which happened at the same time.
        yield from _amendment(amendment)
    for engine, (recommendation, trade, _) in acts.items():
        yield from _acts_of(engine, recommendation, trade)
    permit: Permit | None = getattr(story, "permit", None)
    if permit is not None and permit.confirmed_at is not None:
        valid = f"valid until {instant_text(permit.expires_at)}"
        link = ("outcomes_permit", permit.pk)
        actor = f"Engine {permit.engine}"
        yield Event(permit.confirmed_at, f"{actor} confirmed its permit", valid, link=link, actor=actor)
    yield from _directive(story)
    for incident in story.incidents.all():
        link = ("outcomes_incident", incident.pk)
        actor = f"Engine {incident.engine}"
        detail = f"A report from engine {incident.engine} was refused: {incident.detail}"
        yield Event(incident.occurred_at, f"Incident: {incident.kind}", detail, link=link, actor=actor)
        made: IncidentAcknowledgement | None = getattr(incident, "acknowledgement", None)
        if made is not None:
            title = f"{made.acknowledged_by} acknowledged the incident of engine {incident.engine}"
            yield Event(made.acknowledged_at, title, _closing_of(made), link=link, actor=OPERATOR)
    for violation in story.violations.all():
        link = ("outcomes_violation", violation.pk)
        detail = f"{violation.engine}: {violation.detail}"
        yield Event(violation.found_at, f"Violation: {violation.name}", detail, link=link)


def _closing_of(made: IncidentAcknowledgement) -> str:
    """How the stray trade ended, in the operator's words and money."""
    return made.closing if made.pnl is None else f"P&L {_signed(made.pnl)} {made.currency}: {made.closing}"


def timed(ordered: list[Event]) -> list[TimedEvent]:
    """The events with the time that passed before each."""
    later = [
        # Never negative: the times of one transaction are not in the order of the flow.
        TimedEvent(event, f"+{duration_text(max((event.at - last.at).total_seconds(), 0.0))}")
        for last, event in pairwise(ordered)
    ]
    return [TimedEvent(ordered[0], ""), *later] if ordered else []


def _acts_of(
    engine: str, recommendation: Recommendation | None, trade: RealTrade | ShadowTrade | None
) -> Iterator[Event]:
    if recommendation is not None:
        yield Event(
            recommendation.recommended_at,
            f"Engine {engine} recommended {recommendation.action}",
            f"role revealed: {recommendation.role} ({recommendation.role_reason})",
            recommendation.context_hash,
            ("outcomes_recommendation", recommendation.pk),
            f"Engine {engine}",
        )
    if trade is not None:
        yield from _trade(engine, trade)
        yield from _results(engine, trade)


def _trade(engine: str, trade: RealTrade | ShadowTrade) -> Iterator[Event]:
    """What the engine told of its trade, as it was told: what was amended later stands in events of its own."""
    kind = trade.kind.value.lower()
    link = (f"outcomes_{kind}trade", trade.pk)
    rows = sorted(trade.fills.all(), key=lambda row: row.pk)
    told = [row for row in rows if row.is_succession or row.amendment_id is None]
    opening = next(
        (net_price(core_fill(row).legs, ratios_of(trade.legs)) for row in told if row.fill_ref == ENTRY),
        trade.entry_price,
    )
    price = "not priced yet" if opening is None else f"at {decimal_text(opening)}"
    entry = f"{plain_text(trade.quantity)} {price}, entered {instant_text(trade.entry_time)}"
    actor = f"Engine {engine}"
    yield Event(trade.opened_at, f"{actor} opened its {kind} trade", entry, link=link, actor=actor)
    closings = _closings(trade)
    for row in told:
        # The entry stands above, the fill that closes below.
        if row.number > 1 and row.reported_at not in [at for at, _ in closings]:
            happened = "contract got a successor" if row.is_succession else f"{kind} trade filled: {row.fill_ref}"
            executions = ", ".join(map(str, core_fill(row).legs))
            link_to_fill = ("outcomes_tradefill", row.pk)
            yield Event(row.reported_at, f"{actor}'s {happened}", executions, link=link_to_fill, actor=actor)
    own = getattr(trade, "own_exit", None)
    if own is not None:
        detail = f"{own.exit_reason}, exited {instant_text(own.exit_time)}"
        link_to_own = ("outcomes_ownexit", own.pk)
        yield Event(own.reported_at, f"{actor} told when its shadow leaves", detail, link=link_to_own, actor=actor)
    for at, end in closings:
        price = "unpriced" if end.exit_price is None else f"at {decimal_text(end.exit_price)}"
        detail = f"{price}, {end.exit_reason}, exited {instant_text(end.exit_time)}"
        # What an amendment ended, the engine did not close.
        closer = actor if kind == "real" and at in [row.reported_at for row in told] else ORCHESTRATOR
        yield Event(at, f"{actor}'s {kind} trade closed", detail, end.conditions_hash, link, closer)


def _closings(trade: RealTrade | ShadowTrade) -> list[tuple[datetime, Any]]:
    """When the trade closed, each with what has the exit's columns: those of the trade are as last amended."""
    found: list[tuple[datetime, Any]] = []
    was_open, results = True, _revisions(trade)
    for result in results:
        if was_open:
            found.append((result.recorded_at, result))
        was_open = result.withdrawn
    if not results and trade.closed_at is not None:
        # A shadow that opened after the real exit has no result.
        found.append((trade.closed_at, trade))
    return found


def _results(engine: str, trade: RealTrade | ShadowTrade) -> Iterator[Event]:
    """The trade's result, and what amendments made of it."""
    earlier: Outcome | None = None
    for one in _revisions(trade):
        if earlier is None or earlier.withdrawn:
            what, detail = "recorded", f"{'' if one.pnl is None else 'P&L '}{_pnl(one)}, {one.exit_reason}"
        elif one.withdrawn:
            what, detail = "withdrawn", f"P&L {_pnl(earlier)} no longer counts: the trade is open again"
        else:
            what, detail = "revised", f"P&L {_pnl(earlier)} → {_pnl(one)}"
        yield Event(one.recorded_at, f"Outcome of engine {engine} {what}", detail)
        earlier = one


def _revisions(trade: RealTrade | ShadowTrade) -> list[Outcome]:
    return sorted(trade.outcomes.all(), key=lambda row: row.revision)


def _pnl(outcome: Outcome) -> str:
    return "UNPRICED" if outcome.pnl is None else _signed(outcome.pnl)


def _signed(pnl: Decimal) -> str:
    return f"{'' if pnl < 0 else '+'}{decimal_text(pnl)}"


def _amendment(amendment: TradeAmendment) -> Iterator[Event]:
    """What an engine said a fill was in truth, and what an operator made of it."""
    if "successor" in amendment.values:
        noun, of = "successor", "contract"
    else:
        noun = "bust" if amendment.kind == AmendmentKind.BUST else "correction"
        of = amendment.fill_ref if amendment.fill_ref in (ENTRY, EXIT) else f"fill {amendment.fill_ref}"
    actor, link = f"Engine {amendment.engine}", amendment.link
    said = ": ".join(filter(None, (", ".join(proposed_lines(amendment.values)), amendment.reason)))
    yield Event(amendment.proposed_at, f"{actor} proposed a {noun} of its {of}", said, link=link, actor=actor)
    if amendment.decided_at is not None:
        title = f"{amendment.decided_by} {amendment.state.lower()} the {noun} of engine {amendment.engine}'s {of}"
        yield Event(amendment.decided_at, title, amendment.decision_reason, link=link, actor=OPERATOR)


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


@dataclass(frozen=True, slots=True)
class Scale:
    """The events as dots on lanes: places are percent of the width, heights of lanes are in pixels."""

    dots: list[tuple[float, int, Event]]
    lanes: list[tuple[int, str]]
    ticks: list[tuple[float, str]]
    length: str

    @property
    def foot(self) -> int:
        """The height at which the lanes end."""
        return self.lanes[-1][0] + 12


def scale_of(events: list[Event]) -> Scale:
    """Where each event lies between the first and the last one, on a logarithmic scale of time."""
    first = min(event.at for event in events)
    whole = max((event.at - first).total_seconds() for event in events)
    # One millisecond at least, or a single moment would have no scale.
    widest = log1p(max(whole, 0.001) / _FINEST)

    def place(seconds: float) -> float:
        return round(2 + 96 * log1p(seconds / _FINEST) / widest, 2)

    acted = {event.actor for event in events}
    shown = [actor for actor in _ACTORS if actor in acted or actor != OPERATOR]
    lanes = {actor: _FIRST_LANE + number * _LANE_HEIGHT for number, actor in enumerate(shown)}
    return Scale(
        [(place((event.at - first).total_seconds()), lanes[event.actor], event) for event in events],
        [(height, actor) for actor, height in lanes.items()],
        [(place(seconds), text) for seconds, text in _TICKS if seconds <= whole],
        duration_text(whole),
    )
