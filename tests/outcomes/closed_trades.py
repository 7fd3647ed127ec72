"""Honest chains behind an outcome: recommendation, trade and outcome of an experiment, row by row."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from experiments.models import Experiment
from kernel.canonical import document_hash
from outcomes.core.books import LegFill, Schedule
from outcomes.models import ENTRY, EXIT, OwnExit, RealTrade, Recommendation, ReportMark, ShadowTrade, Violation
from outcomes.performance.scope import rebuild_day
from outcomes.services.fills import ExitFacts, NewFill, book_fill, end_unpriced
from tests.factories import make_experiment

EXIT_TIME = datetime(2026, 3, 16, 19, 0, tzinfo=UTC)
HASH = "a" * 64
INSTRUMENT = "SPY"  # a share, so that the schedule charges nothing for it
ENTRY_PRICE = Decimal(10)
MULTIPLIER = Decimal(100)
FREE = Schedule(Decimal(0), Decimal(0))
PLAN = {
    "legs": [{"instrument": INSTRUMENT, "side": "LONG", "ratio": 1}], "quantity": "1", "multiplier": "100",
    "currency": "USD", "risk_amount": "1000",
}  # fmt: skip


@dataclass(frozen=True)
class Closed:
    """A pair to make: P&L as text per engine; None is UNPRICED, "" is an engine that never traded."""

    a: str | None = ""
    b: str | None = ""
    exit_time: datetime = EXIT_TIME
    currency: str = "USD"


def close_pair(executed: str | None, closed: Closed, **signal: Any) -> Experiment:
    """Make an experiment executed by A, B or nobody and close the trades of both engines."""
    experiment = make_experiment(executed, **signal)
    close_trades(experiment, closed)
    return experiment


def close_trades(experiment: Experiment, closed: Closed) -> None:
    for engine, pnl in (("A", closed.a), ("B", closed.b)):
        if pnl != "":
            answer(experiment, engine)
            close_trade(experiment, engine, pnl, closed.exit_time, currency=closed.currency)


def answer(experiment: Experiment, engine: str, **fields: Any) -> Recommendation:
    """Store an engine's answer in the role that the decision gives it."""
    real = experiment.decision.executed_engine == engine
    declines = fields.get("action") == "DECLINE"
    defaults = {
        "context_hash": HASH, "action": "OPEN", "strategy_version": "1", "rules_hash": HASH,
        "registered_rules_hash": HASH, "recommendation": "{}",
        "plan": None if declines else PLAN, "request_hash": HASH, "recommended_at": EXIT_TIME,
        "role": "REAL" if real else "SHADOW", "role_reason": experiment.decision.reason,
        "permit_expires_at": EXIT_TIME if real and not declines else None,
    }  # fmt: skip
    return Recommendation.objects.create(experiment=experiment, engine=engine, **defaults | fields)


def open_trade(
    experiment: Experiment, engine: str, entry_time: datetime, *, entry_price: Decimal = ENTRY_PRICE, **fields: Any
) -> RealTrade | ShadowTrade:
    """Store an open trade with its first fill, of one share times 100 unless told otherwise."""
    real = experiment.decision.executed_engine == engine
    provenance = "BROKER_FILL" if real else "NEUTRAL_QUOTE"
    defaults: dict[str, Any] = {
        "trade_id": uuid.uuid5(experiment.pk, engine), "experiment": experiment, "engine": engine,
        "legs": PLAN["legs"], "quantity": 1, "multiplier": MULTIPLIER, "currency": "USD", "entry_time": entry_time,
        "entry_fees": 0, "claimed_provenance": provenance, "request_hash": HASH,
        "opened_at": entry_time, "entry_due_at": entry_time, "status": "OPENING",
    }  # fmt: skip
    trade: RealTrade | ShadowTrade = (RealTrade if real else ShadowTrade).objects.create(**defaults | fields)
    entry = LegFill(INSTRUMENT, "OPEN", "LONG", Decimal(trade.quantity), entry_price)
    book_fill(trade, NewFill(ENTRY, entry_time, [entry], provenance), FREE, entry_time)
    return trade


def close_trade(
    experiment: Experiment, engine: str, pnl: str | None, exit_time: datetime, *, fees: str = "0", **opening: Any
) -> RealTrade | ShadowTrade:
    """Store a trade that was closed an hour after its opening; the exit price is what the P&L before fees takes."""
    trade = open_trade(experiment, engine, exit_time - timedelta(hours=1), **opening)
    if pnl is None:
        end_unpriced(trade, ExitFacts(exit_time, "TAKE_PROFIT", HASH), FREE, exit_time)
        return trade
    assert trade.entry_price is not None
    price = trade.entry_price + Decimal(pnl) / MULTIPLIER
    closing = LegFill(INSTRUMENT, "CLOSE", "LONG", Decimal(1), price)
    provenance = "BROKER_FILL" if isinstance(trade, RealTrade) else "SAME_SNAPSHOT_QUOTE"
    new = NewFill(EXIT, exit_time, [closing], provenance, fees=Decimal(fees), reason="TAKE_PROFIT")
    book_fill(trade, new, FREE, exit_time)
    return trade


def roll(trade: RealTrade | ShadowTrade, moment: datetime) -> None:
    """Close half of a trade of two at 10.10, open another share at 20, and end the rest at 9.30 and 19.40."""

    def leg(instrument: str, effect: str, price: str) -> LegFill:
        return LegFill(instrument, effect, "LONG", Decimal(1), Decimal(price))

    rolled = [leg(INSTRUMENT, "CLOSE", "10.10"), leg("QQQ", "OPEN", "20")]
    book_fill(trade, NewFill("roll", moment, rolled, "BROKER_FILL", reason="ROLLED"), FREE, moment)
    ended = [leg(INSTRUMENT, "CLOSE", "9.30"), leg("QQQ", "CLOSE", "19.40")]
    book_fill(trade, NewFill(EXIT, moment, ended, "BROKER_FILL", reason="MANUAL"), FREE, moment)


def leave_by_own_rules(experiment: Experiment, engine: str, pnl: str | None, **fields: Any) -> OwnExit:
    """Store when a shadow would have left by itself, at the time of its synchronised exit; None is UNPRICED."""
    trade = ShadowTrade.objects.get(experiment=experiment, engine=engine)
    moment = trade.exit_time or EXIT_TIME
    defaults: dict[str, Any] = {
        "trade": trade, "experiment": experiment, "engine": engine, "exit_time": moment, "exit_reason": "TAKE_PROFIT",
        "market_conditions": {}, "conditions_hash": document_hash({}), "claimed_provenance": "OWN_FEED_QUOTE",
        "price_provenance": "UNPRICED" if pnl is None else "NEUTRAL_QUOTE", "pnl": pnl,
        "legs": None if pnl is None else [], "state": "UNPRICED" if pnl is None else "DONE", "reported_at": moment,
        "due_at": moment, "priced_at": moment, "request_hash": HASH,
    }  # fmt: skip
    return OwnExit.objects.create(**defaults | fields)


def break_rule(experiment: Experiment, engine: str, name: str = "LATE_ENTRY") -> Violation:
    return Violation.objects.create(
        experiment=experiment, engine=engine, name=name, detail="A test.", found_at=EXIT_TIME
    )


def add_up() -> set[date]:
    """Make the sums of every day that has changed, as the worker does a minute later; return these days."""
    days = set(ReportMark.objects.values_list("day", flat=True))
    for day in days:
        rebuild_day(day)
    return days
