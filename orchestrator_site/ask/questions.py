"""The questions that can be asked over MCP: each reads what the pages read, and says it in the pages' words.

None tells who trades a signal for real before `blindness.shown` lets it, whatever is asked and however it is guessed:
of such a signal nothing is answered that depends on it. All of them only read; they know nothing of MCP.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.db.models import Q

from admin_kit.search import digits_of, hash_begins, id_begins
from experiments.models import Experiment
from experiments.worker.liveness import STARTING_SECONDS
from kernel.errors import DomainError
from kernel.values import decimal_text, format_timestamp, instant_text
from orchestrator_site.analyst.blindness import shown
from orchestrator_site.ask.answers import (
    EngineNow,
    EnginePart,
    EvaluationAnswer,
    PolicyChanges,
    RuleStep,
    SettingChange,
    State,
    TradeRow,
    Why,
    WorstTrades,
)
from orchestrator_site.console.experiment_page import experiment_page
from orchestrator_site.console.now_page import state_now
from orchestrator_site.finding import MOST, experiments_named
from outcomes.core.sentences import FLAGS
from outcomes.core.statistics import ratio_text
from outcomes.evaluations.documents import evaluation_document, evaluations
from outcomes.evaluations.lifecycle import evaluation_named
from outcomes.models import Evaluation
from outcomes.performance.api import PerformanceFilterSerializer
from outcomes.performance.listing import Listing, Place
from outcomes.performance.scope import Scope
from outcomes.selectors import by_engine, experiment_story
from policies.core.settings import diff
from policies.models import PolicyVersion
from policies.selectors import answer_by, open_halt, open_trip, policy_in_force, policy_version
from signals_app.models import Signal, SignalStatus

ROWS_AT_ONCE = 50


def why(signal: str) -> Why:
    """Why a signal was executed as it was; raises `not_found`, and `not_unique` where several have the name."""
    name = signal.strip().replace("\x00", "")
    found = list(experiments_named(name))
    open_to_all = shown([one.pk for one, _ in found])
    named = [one for one, tells_roles in found if one.pk in open_to_all or not tells_roles]
    if not named:
        return _undecided(name)
    if len(named) > 1:
        listed = "; ".join(f"{one.pk} ({one.signal})" for one in named[:MOST])
        raise DomainError("not_unique", f"Several signals have that name; ask for one of these: {listed}.")
    (experiment,) = named
    return _told(experiment.pk) if experiment.pk in open_to_all else _blind(experiment)


def _undecided(name: str) -> Why:
    digits = digits_of(name)
    condition = Q(order_id=name) & ~Q(order_id="")
    if digits:
        condition = id_begins("signal_id", digits) | hash_begins("signal_hash", digits)
    waiting = Signal.objects.filter(condition, experiment__isnull=True).order_by("-received_at").first()
    if waiting is None:
        raise DomainError(
            "not_found", "No signal has that ID, hash or order. Give eight or more digits of an ID or hash."
        )
    tried = f", failed {waiting.attempts} times" if waiting.status == SignalStatus.FAILED else ""
    text = f"{waiting} was received at {instant_text(waiting.received_at)} and is not decided yet{tried}."
    return _why(waiting, None, text, is_shown=False)


def _blind(experiment: Experiment) -> Why:
    """What may be told while an engine could still trade it for real: what would be the same whoever does."""
    policy, ends, parts = experiment.policy_version, [], []
    for one in experiment.distributions.order_by("engine"):
        parts.append(_part(one.engine, answered=one.answered_at is not None))
        if one.answered_at is None:
            ends.append(answer_by(policy, one.distributed_at))
    text = (
        f"{experiment.signal} was decided at {instant_text(experiment.created_at)} by policy v{policy.version}. "
        f"Who trades it for real is told once both engines have answered, or at {instant_text(max(ends))}, "
        "when their time to answer has passed. "
        + " ".join(f"Engine {one.engine} has {'' if one.answered else 'not '}answered." for one in parts)
    )
    return _why(experiment.signal, experiment, text, is_shown=False, engines=parts)


def _told(identity: Any) -> Why:
    story = experiment_story(identity)
    page, decision = experiment_page(story), story.decision
    rules = [
        RuleStep(rule=step.meaning, standing=step.standing.value, inputs={name: str(one) for name, one in step.inputs})
        for step in page.rules
    ]
    parts = []
    for engine, (recommendation, trade, outcome) in by_engine(story).items():
        part: dict[str, Any] = {}
        if recommendation is not None:
            names = ("action", "role", "role_reason", "strategy_version")
            part |= {name: getattr(recommendation, name) for name in names}
        if trade is not None:
            part |= {"trade_kind": trade.kind.value, "trade_status": trade.status}
        if outcome is not None:
            pnl = None if outcome.pnl is None else decimal_text(outcome.pnl)
            part |= {"pnl": pnl, "currency": outcome.currency, "exit_reason": outcome.exit_reason}
        parts.append(_part(engine, answered=recommendation is not None, **part))
    broken = [f"{one.engine}: {one.name}, {one.detail}" for one in story.violations.all()]
    missing = f" Deleted from the database: {', '.join(page.missing)}." if page.missing else ""
    return _why(
        story.signal, story, f"{story.signal}: {page.sentence}{missing}", is_shown=True, engines=parts, rules=rules,
        violations=broken, execution_mode=decision.execution_mode, executed_engine=decision.executed_engine,
        reason=decision.reason, variant=story.variant,
    )  # fmt: skip


def _part(engine: str, *, answered: bool, **known: Any) -> EnginePart:
    unknown = dict.fromkeys(EnginePart.model_fields)
    return EnginePart.model_validate(unknown | {"engine": engine, "answered": answered} | known)


def _why(signal: Signal, experiment: Experiment | None, text: str, *, is_shown: bool, **known: Any) -> Why:
    names = ("source", "symbol", "direction", "timeframe", "strategy", "order_id")
    facts: dict[str, Any] = {name: getattr(signal, name) for name in names}
    unknown: dict[str, Any] = dict.fromkeys(Why.model_fields) | {"rules": [], "engines": [], "violations": []}
    if experiment is not None:
        facts |= {
            "experiment_id": str(experiment.pk),
            "decided_at": format_timestamp(experiment.created_at),
            "policy_version": experiment.policy_version_id,
        }
    facts |= {
        "text": text,
        "signal_id": str(signal.pk),
        "fired_at": format_timestamp(signal.timestamp),
        "received_at": format_timestamp(signal.received_at),
        "roles_shown": is_shown,
    }
    return Why.model_validate(unknown | facts | known)


def state() -> State:
    """What is in force now: kill switch, guardrails, policy, engines and queue."""
    now, halt, trip = state_now(), open_halt(), open_trip()
    numbers, policy = now["numbers"], now["policy"]
    engines = [
        EngineNow(
            engine=one.engine.name, enabled=one.engine.enabled, available=one.available,
            last_heartbeat_at=_instant(one.engine.last_heartbeat_at),
        )
        for one in now["engines"]
    ]  # fmt: skip
    alive = numbers.worker_age is not None and numbers.worker_age <= STARTING_SECONDS
    sentences = [
        f"Mode {now['app_mode']}." if halt is None else
        f"Mode {now['app_mode']}, HALTED since {instant_text(halt.engaged_at)}: {halt.reason}",
        f"The guardrail {trip.label} is tripped." if trip else "",
        f"Policy v{policy.version} ({policy.configured_mode}): {policy.note}" if policy else "There is no policy yet.",
        *(f"Next signal: {sentence}." for sentence in now["next_decisions"]),
        *(f"Engine {one.engine} is {'available' if one.available else 'not available'}." for one in engines),
        f"{numbers.signals_today} signals today, {numbers.waiting} waiting, {numbers.failed} failed.",
        f"The worker is {'running' if alive else 'NOT running'}.",
    ]  # fmt: skip
    return State(
        text=" ".join(sentence for sentence in sentences if sentence),
        mode=now["app_mode"],
        halted=halt is not None,
        halt_reason=None if halt is None else halt.reason,
        halted_since=None if halt is None else format_timestamp(halt.engaged_at),
        guardrail=None if trip is None else trip.name,
        policy_version=None if policy is None else policy.version,
        configured_mode=None if policy is None else policy.configured_mode,
        policy_note=None if policy is None else policy.note,
        next_decisions=now["next_decisions"],
        engines=engines,
        signals_today=numbers.signals_today,
        waiting=numbers.waiting,
        failed=numbers.failed,
        worker_alive=alive,
    )


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)


def evaluation(name: str | None = None) -> EvaluationAnswer:
    """The verdict of an evaluation, of the newest one that was started unless named; raises `not_found`."""
    found = evaluation_named(name.replace("\x00", "")) if name else _newest()
    # Not what the next block waits for, nor what counts the signals assigned so far: both depend on open signals.
    document = evaluation_document(found)
    evidence = document["evidence"] or {"a": None, "b": None, "needed": None}
    flags = [FLAGS[flag] for flag in document["flags"]]
    return EvaluationAnswer(
        text=" ".join([f"{found.name}: {document['sentence']}", *flags]),
        name=found.name,
        state=document["state"],
        attempt=document["attempt"],
        verdict=document["verdict"],
        at_block=document["at_block"],
        flags=flags,
        evidence_a=evidence["a"],
        evidence_b=evidence["b"],
        needed=evidence["needed"],
        interval=document["interval"],
        metric=document["content"]["metric"],
        blocks=len(document["blocks"]),
        content_hash=document["content_hash"],
    )


def _newest() -> Evaluation:
    found = evaluations().filter(run__isnull=False).first() or evaluations().first()
    if found is None:
        raise DomainError("not_found", "There is no evaluation yet.")
    return evaluation_named(found.name)


def worst_trades(
    engine: Literal["A", "B"], kind: Literal["real", "shadow", "own_exit"], count: int, **filters: str | None
) -> WorstTrades:
    """Closed trades of an engine, the lowest P&L first; `filters` are those of the report. Raises `invalid`."""
    asked = PerformanceFilterSerializer(data={name: text for name, text in filters.items() if text is not None})
    if not asked.is_valid():
        wrong = [f"{name}: {problem}" for name, problems in asked.errors.items() for problem in problems]
        raise DomainError("invalid", " ".join(wrong))
    listing = Listing(Scope.of(asked.filters()), kind, engine)
    found: list[dict[str, Any]] = []
    after = None
    while len(found) < count:
        page = listing.page("worst", ROWS_AT_ONCE, after)
        open_to_all = shown([row["experiment_id"] for row in page])
        found += [row for row in page if row["experiment_id"] in open_to_all]
        if len(page) < ROWS_AT_ONCE:
            break
        after = Place(page[-1]["exit_time"], page[-1]["id"], page[-1]["p"])
    rows = [_row(row) for row in found[:count]]
    currency = listing.scope.filters.currency
    lines = [
        f"{place}. {row.symbol} {row.direction} {row.timeframe}, closed {row.exit_time[:19]}Z: {row.pnl} {currency}"
        + (f" ({float(row.r):+.2f} R)" if row.r else "") + (", left out of the report" if row.left_out else "")
        for place, row in enumerate(rows, 1)
    ]  # fmt: skip
    called = {"real": "real trades", "shadow": "shadow trades", "own_exit": "shadows by their own exits"}[kind]
    head = f"The worst {called} of engine {engine}:" if rows else f"Engine {engine} has no {called} that match."
    return WorstTrades(text="\n".join([head, *lines]), engine=engine, kind=kind, currency=currency, trades=rows)


def _row(row: dict[str, Any]) -> TradeRow:
    same = ("symbol", "direction", "timeframe", "strategy", "price_provenance", "left_out")
    return TradeRow.model_validate(
        {name: row[name] for name in same}
        | {
            "experiment_id": str(row["experiment_id"]),
            "trade_id": str(row["id"]),
            "exit_time": format_timestamp(row["exit_time"]),
            "pnl": decimal_text(row["p"]),
            "r": None if row["r"] is None else ratio_text(row["r"]),
        }
    )


def policy_changes(before: int | None = None, after: int | None = None) -> PolicyChanges:
    """What differs between two versions: by default the one in force, and the one it was made from."""
    new = policy_in_force() if after is None else policy_version(after)
    number = new.base_version_id if before is None else before
    if number is None:
        text = f"{_version(new)} No version came before it."
        return PolicyChanges(text=text, before=new.version, after=new.version, changes=[])
    old = policy_version(number)
    changes = [
        SettingChange(setting=one.name, label=one.label, before=one.before, after=one.after)
        for one in diff(old.content, new.content)
    ]
    differing = "; ".join(f"{one.label} from {one.before} to {one.after}" for one in changes)
    text = f"{_version(old)} {_version(new)} " + (f"Changed: {differing}." if changes else "They do not differ.")
    return PolicyChanges(text=text, before=old.version, after=new.version, changes=changes)


def _version(version: PolicyVersion) -> str:
    return (
        f"v{version.version}, active from {instant_text(version.activated_at)}, by {version.created_by}: {version.note}"
    )
