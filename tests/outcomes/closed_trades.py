"""Honest chains behind an outcome: recommendation, trade and outcome of an experiment, row by row."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from experiments.models import Experiment
from outcomes.models import (
    RealOutcome,
    RealTrade,
    Recommendation,
    ShadowOutcome,
    ShadowTrade,
    Violation,
)
from tests.factories import make_experiment

EXIT = datetime(2026, 3, 16, 19, 0, tzinfo=UTC)
HASH = "a" * 64
ENTRY_PRICE = Decimal(10)
MULTIPLIER = Decimal(100)


@dataclass(frozen=True)
class Closed:
    """A pair to make: P&L as text per engine; None is UNPRICED, "" is an engine that never traded."""

    a: str | None = ""
    b: str | None = ""
    exit_time: datetime = EXIT


def close_pair(executed: str | None, closed: Closed, **signal: Any) -> Experiment:
    """Make an experiment executed by A, B or nobody and close the trades of both engines."""
    experiment = make_experiment(executed, **signal)
    close_trades(experiment, closed)
    return experiment


def close_trades(experiment: Experiment, closed: Closed) -> None:
    for engine, pnl in (("A", closed.a), ("B", closed.b)):
        if pnl != "":
            answer(experiment, engine)
            close_trade(experiment, engine, pnl, closed.exit_time)


def answer(experiment: Experiment, engine: str) -> Recommendation:
    """Store an engine's answer in the role that the decision gives it."""
    real = experiment.decision.executed_engine == engine
    return Recommendation.objects.create(
        experiment=experiment, engine=engine, context_hash=HASH, action="OPEN", strategy_version="1", rules_hash=HASH,
        recommendation="{}", request_hash=HASH, recommended_at=EXIT, role="REAL" if real else "SHADOW",
        role_reason=experiment.decision.reason, permit_expires_at=EXIT if real else None,
    )  # fmt: skip


def close_trade(experiment: Experiment, engine: str, pnl: str | None, exit_time: datetime) -> None:
    """Store a closed trade and its outcome; the exit price is what the P&L takes."""
    real = experiment.decision.executed_engine == engine
    provenance = "UNPRICED" if pnl is None else "BROKER_FILL" if real else "SAME_SNAPSHOT_QUOTE"
    exit_price = None if pnl is None else ENTRY_PRICE + Decimal(pnl) / MULTIPLIER
    common: dict[str, Any] = {"experiment": experiment, "engine": engine, "entry_price": ENTRY_PRICE}
    common |= {"exit_price": exit_price, "exit_time": exit_time, "exit_reason": "TAKE_PROFIT"}
    trade_fields: dict[str, Any] = common | {
        "trade_id": uuid.uuid5(experiment.pk, engine), "legs": [], "quantity": 1, "multiplier": MULTIPLIER,
        "entry_time": exit_time - timedelta(hours=1), "entry_fees": 0, "entry_provenance": "BROKER_FILL",
        "rules_hash": HASH, "request_hash": HASH, "opened_at": exit_time, "closed_at": exit_time,
        "status": "UNPRICED" if pnl is None else "CLOSED", "exit_provenance": provenance,
    }  # fmt: skip
    outcome_fields = common | {
        "pnl": pnl, "fees": 0, "price_provenance": provenance, "conditions_hash": HASH, "recorded_at": exit_time,
    }  # fmt: skip
    if real:
        RealOutcome.objects.create(trade=RealTrade.objects.create(**trade_fields), **outcome_fields)
    else:
        ShadowOutcome.objects.create(trade=ShadowTrade.objects.create(**trade_fields), **outcome_fields)


def break_rule(experiment: Experiment, engine: str, name: str = "LATE_ENTRY") -> Violation:
    return Violation.objects.create(experiment=experiment, engine=engine, name=name, detail="A test.", found_at=EXIT)
