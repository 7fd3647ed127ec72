"""One report on one experiment: its rows, read under its lock, and the terms it is judged by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection, models

from experiments.models import ExecutionDecision, Experiment
from kernel.errors import DomainError, gone
from kernel.rows import add_related, ask, execute, from_json, json_columns, read_json, refer, relate
from kernel.sql import load
from kernel.trips import Rows, Statement
from kernel.values import read_instant
from outcomes.core.books import Schedule
from outcomes.core.checks import ReportClock
from outcomes.models import (
    DirectiveState,
    ExitDirective,
    OwnExit,
    Permit,
    RealOutcome,
    RealTrade,
    Recommendation,
    ShadowOutcome,
    ShadowTrade,
    TradeFill,
    TradeStatus,
)
from policies.models import PolicyVersion
from policies.selectors import answer_by
from signals_app.alerts.fields import duration
from signals_app.models import Signal
from signals_app.selectors import replay_clock

M = TypeVar("M", bound=models.Model)
# One queue for each experiment. Not FOR UPDATE: that would also hold up inserts elsewhere whose foreign keys refer to
# this row. Of the decision alone: the policy version is shared, and its lock would put all experiments in one queue.
LOCK = "FOR NO KEY UPDATE"
ONE_EXPERIMENT = "experiment_id = %(experiment)s"
# By one of the engine's trades.
OF_TRADE = """experiment_id = (
    SELECT experiment_id FROM real_trades WHERE trade_id = %(trade)s AND engine = %(engine)s
     UNION ALL SELECT experiment_id FROM shadow_trades WHERE trade_id = %(trade)s AND engine = %(engine)s)
"""
# What reports are judged by, of rows that say much more; the rest is read when somebody asks for it.
PARTS: dict[type[models.Model], tuple[str, ...]] = {
    ExecutionDecision: ("experiment", "executed_engine", "reason"),
    PolicyVersion: (
        *("version", "currency", "fee_per_contract", "fee_per_order", "permit_ttl_seconds", "report_delay_seconds"),
        *("max_answer_age_seconds", "entry_window_seconds", "exit_directive_ttl_seconds", "max_quote_age_seconds"),
    ),
    Experiment: ("experiment_id", "signal"),
    Signal: ("signal_id", "source", "timeframe", "timestamp", "replayed"),
}
# The rows that outlast an experiment which somebody deleted: its decision and distributions, of which both engines have
# as much, or the engine's own trade.
LEFT = {
    ONE_EXPERIMENT: f"""
    SELECT experiment_id FROM execution_policy WHERE {ONE_EXPERIMENT}
     UNION ALL SELECT experiment_id FROM signal_distributions WHERE {ONE_EXPERIMENT} LIMIT 1
""",  # noqa: S608
    OF_TRADE: f"SELECT {OF_TRADE.partition(' = ')[2]}",
}
# Without these no report can be judged; a superuser can delete them behind the product's back.
NEEDED = {
    "decision": "the decision",
    "policy": "the policy version",
    "signal": "the signal",
    "distributed": "the distributions",
}
# Taken before the fill is written: the directive that names it is written in the same trip.
NEXT_FILL = Statement("SELECT nextval('trade_fills_id_seq')")
# Without a feeder there are none, and whoever prices a trade need not look for those of its moment.
ANY_QUOTES = Statement("SELECT EXISTS (SELECT FROM quotes)")
READ = load(__file__, "case.sql")
for _model in (
    *(ExecutionDecision, PolicyVersion, Experiment, Signal, Recommendation, Permit, RealTrade, ShadowTrade),
    *(TradeFill, ExitDirective, OwnExit, RealOutcome, ShadowOutcome),
):
    READ = READ.replace(f"/* {_model.__name__} */", json_columns(_model, PARTS.get(_model, ())))
# Made once for each way to find the experiment, because they are long.
READ_WHERE = {which: READ + which for which in (ONE_EXPERIMENT, OF_TRADE)}


class Caller(NamedTuple):
    """Who reads an experiment: an engine, and what its answer says, if this is one that may count."""

    answered_by: str | None = None
    context_hash: str | None = None
    lease_token: UUID | None = None


# The worker, an operator, or an engine at a trade of its own.
ANYBODY = Caller()


def not_found() -> DomainError:
    """The same error for what does not exist and for what belongs to the other engine."""
    return DomainError("not_found", "Not found for this engine.")


def lock_experiment(experiment_id: UUID) -> Terms:
    """Lock the experiment until the transaction ends, and read everything that is stored about it.

    Without the lock, this interleaving leaves a shadow open for ever:

    - The real exit looks for a shadow trade and finds none.
    - The shadow trade opens, looks for a directive and finds none.
    - Both commit.

    Whatever opens, closes or settles takes this lock first, so that there is one order and no deadlock. Raises
    `not_found` for an experiment that does not exist.
    """
    terms, _ = lock_experiment_and_ask(experiment_id)
    return terms


def lock_experiment_and_ask(
    experiment_id: UUID, *statements: Statement, caller: Caller = ANYBODY
) -> tuple[Terms, list[Rows]]:
    """`lock_experiment`, and the rows of further statements, each run under the lock, in the same trip.

    Of what the engines have done nothing is read for one that has not answered: it would take longer for the one whose
    rival's real trade has left more of it.
    """
    return _locked(ONE_EXPERIMENT, {"experiment": experiment_id, **caller._asdict()}, *statements)


def lock_trade(engine: str, trade_id: UUID) -> Terms:
    """`lock_experiment` for that of the engine's trade; raise `not_found` for a trade of the other engine, too."""
    found_by = {"trade": trade_id, "engine": engine, **ANYBODY._asdict()}
    terms, (((next_fill,),), ((has_quotes,),)) = _locked(OF_TRADE, found_by, NEXT_FILL, ANY_QUOTES)
    terms.next_fill, terms.has_quotes = next_fill, has_quotes
    return terms


def read_experiment(experiment_id: UUID) -> Terms:
    """Everything that is stored about an experiment; under its lock, for whoever will change it."""
    found_by = {"experiment": experiment_id, **ANYBODY._asdict()}
    return _terms(*execute(READ_WHERE[ONE_EXPERIMENT], found_by)[0])


def _locked(which: str, found_by: dict[str, Any], *statements: Statement) -> tuple[Terms, list[Rows]]:
    lock = Statement(f"SELECT 1 FROM execution_policy WHERE {which} {LOCK}", found_by)  # noqa: S608
    # A statement of its own: that of the lock sees the tables as they were before it waited.
    _, found, *more = ask(lock, Statement(READ_WHERE[which], found_by), *statements)
    if not found:
        raise _without_experiment(which, found_by)
    return _terms(*found[0]), more


def _without_experiment(which: str, found_by: dict[str, Any]) -> DomainError:
    """Why there is no experiment: there never was one that this engine sees, or its row alone was deleted."""
    left = execute(LEFT[which], found_by)
    return gone(f"the experiment {left[0][0]}") if left and left[0][0] else not_found()


class _Stored(dict[Any, Any]):
    """Rows by their keys; raises `history_incomplete` for one that another row names and that is gone."""

    def __init__(self, what: str, rows: Iterable[Any]) -> None:
        super().__init__((row.pk, row) for row in rows)
        self._what = what

    def __missing__(self, key: Any) -> Any:
        raise gone(f"{self._what}, {key}")


def _terms(now: datetime, given: str, done: str | None) -> Terms:
    """The rows as objects that know each other, each once; raise `history_incomplete` when one of the first is gone.

    `given` are those that engines are judged by, `done` those of what they did; None hides these.
    """
    found = defaultdict(lambda: None, read_json(given) | read_json(done or "{}"))
    if missing := [what for name, what in NEEDED.items() if found[name] is None]:
        raise gone(*missing)

    def rows(model: type[M], name: str) -> list[M]:
        return [from_json(model, values) for values in found[name] or ()]

    def part(model: type[M], name: str) -> M:
        return from_json(model, found[name], PARTS[model])

    terms = Terms(
        decision=part(ExecutionDecision, "decision"),
        now=now,
        context_hash=found["context_hash"],
        distributed={engine: read_instant(at) for engine, at in found["distributed"].items()},
        rules_hashes=found["rules_hashes"] or {},
        feeder_is_active=found["feeder_is_active"],
        is_whole=done is not None,
        permit=from_json(Permit, found["permit"]) if found["permit"] else None,
        recommendations={row.engine: row for row in rows(Recommendation, "recommendations")},
    )
    experiment = part(Experiment, "experiment")
    refer(experiment, "signal", part(Signal, "signal"))
    refer(terms.decision, "policy_version", part(PolicyVersion, "policy"))
    refer(terms.decision, "experiment", experiment)
    relate(experiment, "shadowtrades", (), ShadowTrade)
    if found["real"]:
        terms.adopt(from_json(RealTrade, found["real"]))
    for shadow in rows(ShadowTrade, "shadows"):
        terms.adopt(shadow)
    trades: dict[Any, Any] = _Stored("a trade", terms.trades)
    fills: dict[Any, TradeFill] = _Stored("a fill", rows(TradeFill, "fills"))
    for fill in fills.values():
        trade = trades[fill.real_trade_id or fill.shadow_trade_id]
        refer(fill, "real_trade" if fill.real_trade_id else "shadow_trade", trade)
        add_related(trade, "fills", fill)
    for directive in rows(ExitDirective, "directives"):
        terms.direct(directive, fills, trades)
    for own in rows(OwnExit, "own_exits"):
        refer(own, "trade", trades[own.trade_id])
    outcomes: list[Any] = [*rows(RealOutcome, "real_outcomes"), *rows(ShadowOutcome, "shadow_outcomes")]
    for outcome in outcomes:
        refer(outcome, "trade", trades[outcome.trade_id])
        add_related(trades[outcome.trade_id], "outcomes", outcome)
    return terms


def replayed_until(signal: Signal) -> datetime | None:
    """How far the signal's replayed source has come, its latest alert time, plus one bar; None for a live one."""
    if not signal.replayed:
        return None
    latest = replay_clock(signal.source)
    assert latest is not None  # the signal itself has moved it
    return latest + duration(signal.timeframe)


@dataclass
class Terms:
    """One experiment at the moment of a report: the terms it is judged by, and all its rows; read under its lock.

    Each row is one object here, whoever refers to it, and every relation between them is known: what a service changes
    and stores, the next one sees.
    """

    decision: ExecutionDecision
    now: datetime  # the database's clock, after the wait for the lock
    context_hash: str
    distributed: dict[str, datetime]  # when each engine got the experiment
    rules_hashes: dict[str, str]  # what each engine has registered
    feeder_is_active: bool  # whether neutral quotes can be expected
    is_whole: bool  # False where what the engines have done is not for the caller
    permit: Permit | None
    real: RealTrade | None = None
    recommendations: dict[str, Recommendation] = field(default_factory=dict)
    shadows: dict[str, ShadowTrade] = field(default_factory=dict)  # by engine
    directives: list[ExitDirective] = field(default_factory=list)  # by number
    next_fill: int | None = None  # the key of the fill that is being reported; None where no fill can be
    has_quotes: bool = True  # False where it was asked under the lock, and no neutral quote is stored
    halts: Rows = field(default_factory=list)  # when each began and ended, of those that an opening can have met

    @property
    def trades(self) -> list[RealTrade | ShadowTrade]:
        """All trades of the experiment, the real one first."""
        return [*([self.real] if self.real else []), *self.shadows.values()]

    def recommendation(self, engine: str) -> Recommendation:
        """What the engine has recommended before it traded; raise `history_incomplete` where that was deleted."""
        found = self.recommendations.get(engine)
        if found is None:
            raise gone(f"the recommendation of engine {engine}")
        return found

    def rules_hash(self, engine: str) -> str:
        """What the engine has registered; raise `history_incomplete` where the engine itself was deleted."""
        if engine not in self.rules_hashes:
            raise gone(f"engine {engine}")
        return self.rules_hashes[engine]

    def trade(self, trade_id: UUID) -> RealTrade | ShadowTrade:
        """The trade with this id, which is one of the experiment's."""
        return next(trade for trade in self.trades if trade.pk == trade_id)

    def shadow(self, trade_id: UUID) -> ShadowTrade:
        """The shadow with this id, which is one of the experiment's."""
        return next(trade for trade in self.shadows.values() if trade.pk == trade_id)

    def directive(self, directive_id: int) -> ExitDirective:
        """The directive with this id, which is one of the experiment's."""
        return next(directive for directive in self.directives if directive.pk == directive_id)

    def adopt(self, trade: RealTrade | ShadowTrade) -> None:
        """Let a trade know the experiment, and that no other rows of its own are stored yet."""
        refer(trade, "experiment", self.decision.experiment)
        relate(trade, "fills", (), TradeFill)
        relate(trade, "exit_directives", (), ExitDirective)
        relate(trade, "outcomes", (), RealOutcome if isinstance(trade, RealTrade) else ShadowOutcome)
        if isinstance(trade, RealTrade):
            self.real = trade
        else:
            self.shadows[trade.engine] = trade
            add_related(trade.experiment, "shadowtrades", trade)
            vars(trade._state)["fields_cache"]["own_exit"] = None  # noqa: SLF001 (as Django notes that there is none)

    def direct(self, directive: ExitDirective, fills: Mapping[Any, TradeFill], trades: Mapping[Any, Any]) -> None:
        """Let a directive know its trades and the fill that it follows, and them the directive."""
        refer(directive, "real_trade", trades[directive.real_trade_id])
        refer(directive, "real_fill", fills[directive.real_fill_id])
        add_related(directive.real_trade, "exit_directives", directive)
        if directive.shadow_trade_id is not None:
            refer(directive, "shadow_trade", trades[directive.shadow_trade_id])
        self.directives.append(directive)

    @property
    def has_ended(self) -> bool:
        """Whether a directive says that the real trade is over for the comparison."""
        return any(directive.is_last for directive in self.directives)

    def directives_of(self, shadow: ShadowTrade) -> list[ExitDirective]:
        """The directives that name the shadow, in their order."""
        return [directive for directive in self.directives if directive.shadow_trade_id == shadow.pk]

    @cached_property
    def policy(self) -> PolicyVersion:
        """The pinned version."""
        return self.decision.policy_version

    @cached_property
    def replayed_until(self) -> datetime | None:
        """How far a replayed source has come, plus one bar; None for a live one."""
        return replayed_until(self.decision.experiment.signal)

    @property
    def is_replayed(self) -> bool:
        """Whether the signal came from a replayed source."""
        return self.replayed_until is not None

    @property
    def signal_time(self) -> datetime:
        """When the alert fired, by its own word."""
        return self.decision.experiment.signal.timestamp

    @property
    def quote_limit(self) -> timedelta:
        """How old a quote may be that prices anything."""
        return timedelta(seconds=self.policy.max_quote_age_seconds)

    @property
    def report_delay(self) -> timedelta:
        """How long a report may take to arrive."""
        return timedelta(seconds=self.policy.report_delay_seconds)

    @property
    def clock(self) -> ReportClock:
        """How the times of a report that arrives now are judged."""
        return ReportClock(self.now, self.report_delay, self.replayed_until)

    @property
    def schedule(self) -> Schedule:
        """The fees that the comparison charges both sides, and that shadows pay."""
        return Schedule(self.policy.fee_per_contract, self.policy.fee_per_order)

    def real_trade_has_ended(self, entered: datetime) -> bool:
        """Whether the pair had ended before a shadow opens: by arrival, or by the market's times if replayed.

        A replayed shadow whose directive waited in vain, as long as an answer in time can take, comes too late, too.
        """
        last = next((directive for directive in self.directives if directive.is_last), None)
        if last is None:
            return False
        return not self.is_replayed or entered > last.exit_time or last.state != DirectiveState.PENDING

    def real_trade_may_come(self) -> bool:
        """Whether there is a real trade for a shadow to follow, or can still be one."""
        executed = self.decision.executed_engine
        # Nobody trades for real: both are shadows, and each leaves by its own rules.
        if executed is None:
            return False
        # One that was busted whole leads nobody.
        if self.real is not None and self.real.status != TradeStatus.UNPRICED:
            return True
        answer = self.recommendations.get(executed)
        if answer is None:
            if executed not in self.distributed:
                raise gone(f"the distribution to engine {executed}")
            return self.now <= answer_by(self.policy, self.distributed[executed])
        # It declined, or was told to be a shadow.
        if answer.permit_expires_at is None:
            return False
        # A trade entered within its permit may be reported a little after it.
        return self.now <= answer.permit_expires_at + self.report_delay


def database_time() -> datetime:
    """The database's clock now, UTC; not the transaction's start, which may lie before a wait for the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
