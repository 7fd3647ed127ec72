"""What the list of signals shows beside each decision: the signal, the answers, the trades and their results.

All of it is read for the rows of a page at once, and as plain rows: models for them would take most of the page's time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from experiments.models import ExecutionDecision, Experiment
from outcomes.core.books import result_in_force
from outcomes.models import (
    LIVE_STATUSES,
    RealOutcome,
    RealTrade,
    Recommendation,
    Role,
    ShadowOutcome,
    ShadowTrade,
)
from signals_app.models import Signal

_TABLES: tuple[tuple[Any, Any], ...] = ((RealTrade, RealOutcome), (ShadowTrade, ShadowOutcome))


@dataclass(frozen=True, slots=True)
class ListedTrade:
    """A trade, with the result in force; `has_result` also where that has no P&L."""

    engine: str
    role: Role
    is_live: bool
    currency: str
    has_result: bool
    pnl: Decimal | None


@dataclass(slots=True)
class Beside:
    """What belongs to one experiment: its signal, None where that was deleted, and all that came of it."""

    signal: Any = None
    actions: dict[str, str] = field(default_factory=dict)
    trades: list[ListedTrade] = field(default_factory=list)


class Listed(Protocol):
    """An experiment in the list."""

    pk: UUID
    variant: str
    policy_version_id: int
    decision: ExecutionDecision
    beside: Beside


def read_beside(rows: Collection[Experiment]) -> None:
    """Give each of these experiments its `beside`."""
    found = {row.pk: Beside() for row in rows}
    signals = Signal.objects.filter(pk__in=[row.signal_id for row in rows]).order_by().values_list(
        "pk", "symbol", "direction", "timeframe", "timestamp", "strategy", "order_id", "source", "replayed", named=True
    )  # fmt: skip
    by_id = {signal.pk: signal for signal in signals}
    for row in rows:
        found[row.pk].signal = by_id.get(row.signal_id)
        vars(row)["beside"] = found[row.pk]
    for identity, engine, action in _of(Recommendation, found, "engine", "action"):
        found[identity].actions[engine] = action
    for trades, outcomes in _TABLES:
        results: dict[UUID, list[Any]] = {}
        for result in _of(outcomes, found, "trade_id", "revision", "withdrawn", "pnl"):
            results.setdefault(result.trade_id, []).append(result)
        for trade in _of(trades, found, "trade_id", "engine", "status", "currency"):
            revisions = results.get(trade.trade_id, [])
            latest = result_in_force(revisions)
            is_live, pnl = trade.status in LIVE_STATUSES, None if latest is None else latest.pnl
            found[trade.experiment_id].trades.append(
                ListedTrade(trade.engine, trades.kind, is_live, trade.currency, bool(revisions), pnl)
            )


def _of(model: Any, experiments: Collection[UUID], *columns: str) -> Any:
    rows = model.objects.filter(experiment_id__in=list(experiments)).order_by()
    return rows.values_list("experiment_id", *columns, named=True)
