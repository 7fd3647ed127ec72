"""A hall of judgement: an evaluation of replayed signals under a split, and both engines trading them over the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from kernel.values import format_timestamp
from outcomes import services
from outcomes.core.evaluation import EvaluationPlan, read_plan
from outcomes.evaluations import lifecycle
from outcomes.models import Evaluation, EvaluationBlock, EvaluationRun
from tests.factories import make_available, make_policy, make_signal
from tests.outcomes.desk import C70, C72_5_JULY, EngineClient, leg, let_time_pass, plan, quote

ANN, BOB = Actor("ann"), Actor("bob")
MONDAY = date(2014, 6, 2)
PLAN = {
    "name": "spring",
    "note": "B's stops are tighter.",
    "clock": "EVENT",
    "starts_at": "2014-06-02T00:00:00-04:00",
    "metric": "R",
    "estimand": "SYNCHRONISED",
    "prices": "ENGINES",
    "block_days": 1,
    "max_hold_days": 0,
    "worst_block": "9",
    "margin": "0",
    "horizon_blocks": 100,
    "busy_signals": 4,
}


def make_plan(**changes: Any) -> EvaluationPlan:
    return read_plan(PLAN | changes)


def draft(**changes: Any) -> Evaluation:
    return lifecycle.create_evaluation(ANN, make_plan(**changes))


def approved(**changes: Any) -> Evaluation:
    found = draft(**changes)
    return lifecycle.approve_evaluation(BOB, found.name, content_hash=found.content_hash)


def started(**changes: Any) -> EvaluationRun:
    return lifecycle.start_evaluation(ANN, approved(**changes).name)


def make_phase(**policy: Any) -> None:
    """Both engines there, and a policy that splits capital evenly without fees."""
    make_available("A", "B")
    make_policy(**({"configured_mode": "SPLIT_CAPITAL", "split_percentage": "50", "fee_per_contract": "0"} | policy))


def blocks() -> list[EvaluationBlock]:
    return list(EvaluationBlock.objects.order_by("number", "revision"))


@dataclass
class Hall:
    """Both engines; A plans the call at 70 for 1.39, B the July call at 72.50 for 0.98, one contract each."""

    a: EngineClient = field(default_factory=lambda: EngineClient("A"))
    b: EngineClient = field(default_factory=lambda: EngineClient("B"))

    def signal(self, day: int = 0, **changes: Any) -> Experiment:
        """A signal so many days after the Monday, decided."""
        number = Experiment.objects.aggregate(n=Count("pk"))["n"]
        at = datetime(2014, 6, 2, 13, 30, tzinfo=UTC) + timedelta(days=day, seconds=number)
        told: dict[str, Any] = {"replayed": True, "timeframe": "1d", "timestamp": at} | changes
        stored = make_signal(**told)
        assert drain() == 1
        return Experiment.objects.select_related("decision").get(signal=stored)

    def enter(self, experiment: Experiment) -> dict[str, str]:
        """Let both recommend and open; the trades by engine."""
        day = experiment.signal.timestamp.date()
        at = f"{day}T14:00:00.000000Z"
        trades = {}
        for engine, own in ((self.a, leg()), (self.b, leg(C72_5_JULY, entry_price="0.98"))):
            assert engine.recommend(experiment, plan=plan(own)).status == 201
        executed = experiment.decision.executed_engine
        # The real one first: a shadow opens whenever it likes.
        for engine, own in ((self.a, leg()), (self.b, leg(C72_5_JULY, entry_price="0.98"))):
            kind = "REAL" if engine.name == executed else "SHADOW"
            if kind == "REAL":
                assert engine.confirm(experiment).status == 200
            opened = engine.open(experiment, kind, legs=[own], entry_time=at)
            assert opened.status == 201, opened.body
            trades[engine.name] = opened.body["trade_id"]
        return trades

    def leave(self, experiment: Experiment, trades: dict[str, str], *, a: str, b: str) -> None:
        """Let the real engine leave at its price, with quotes at which the shadow does."""
        day = experiment.signal.timestamp.date()
        at = f"{day}T18:00:00.000000Z"
        executed = experiment.decision.executed_engine
        engine, price, other, bid = (self.a, a, C72_5_JULY, b) if executed == "A" else (self.b, b, C70, a)
        conditions = {"quotes": {other: quote(bid, bid, at)}}
        left = engine.close(trades[engine.name], exit_time=at, exit_price=price, market_conditions=conditions)
        assert left.status == 200, left.body

    def play(self, day: int = 0, *, a: str = "1.39", b: str = "0.98") -> Experiment:
        """One whole signal: both trade and leave at these prices; at first without a profit or loss."""
        experiment = self.signal(day)
        self.leave(experiment, self.enter(experiment), a=a, b=b)
        return experiment

    def settle(self) -> None:
        """Let the time pass that quotes have to arrive after an exit."""
        let_time_pass(seconds=120)
        services.settle_due()


def now_text(seconds: float = 0) -> str:
    return format_timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
