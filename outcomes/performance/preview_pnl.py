"""What other policy settings would have moved between real and shadow, as recorded, and which guardrails had tripped.

It is what those trades recorded, not a forecast: a shadow trade made real would get other prices. An UNPRICED
trade is counted, and part of no sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from experiments.core.what_if import Preview, Tally, WhatIf
from experiments.history.preview import MOST, PreviewSelection, decided_again, period_of
from experiments.history.replay import Progress
from policies.core.settings import PolicySettings
from policies.core.trips import Arrival, ClosedTrade, Return, Stretch, Tripped, trips

# One at a time would be a round trip each; all at once would hold a million of them in memory.
EXPERIMENTS_A_QUERY = 5000

RECORDED = """
SELECT m.engine, count(*), count(o.trade_id), count(*) FILTER (WHERE o.price_provenance = 'UNPRICED'),
       o.currency, sum(o.pnl)
  FROM unnest(%s::uuid[], %s::text[]) AS m (experiment_id, engine)
  LEFT JOIN {table} o ON o.experiment_id = m.experiment_id AND o.engine = m.engine
 GROUP BY m.engine, o.currency
"""
# A trade counts by what its engine has recorded, real or shadow.
WOULD_BE_REAL = """
SELECT o.exit_time, o.trade_id::text, o.pnl, o.currency
  FROM unnest(%s::uuid[], %s::text[]) AS m (experiment_id, engine)
 CROSS JOIN LATERAL (
    SELECT r.exit_time, r.trade_id, r.pnl, r.currency FROM latest_real_outcomes r
     WHERE (r.experiment_id, r.engine) = (m.experiment_id, m.engine)
     UNION ALL
    SELECT s.exit_time, s.trade_id, s.pnl, s.currency FROM latest_shadow_outcomes s
     WHERE (s.experiment_id, s.engine) = (m.experiment_id, m.engine)) AS o
 WHERE o.pnl IS NOT NULL
"""
ARRIVALS = """
SELECT received_at, status = 'FAILED' FROM signals WHERE received_at BETWEEN %s AND %s
 ORDER BY received_at DESC LIMIT %s
"""
# Times at which an engine came back after a gap, as the worker's own measure counts them.
RETURNS = """
SELECT s.first_heartbeat_at, s.engine FROM engine_availability s
 WHERE s.first_heartbeat_at BETWEEN %s AND %s
   AND NOT EXISTS (SELECT FROM engine_availability b WHERE b.engine = s.engine
                      AND b.first_heartbeat_at < s.first_heartbeat_at AND b.available_until > s.first_heartbeat_at)
   AND EXISTS (SELECT FROM engine_availability b WHERE b.engine = s.engine
                  AND b.first_heartbeat_at < s.first_heartbeat_at)
 ORDER BY s.first_heartbeat_at
"""


@dataclass(frozen=True, slots=True)
class RecordedPnl:
    """The recorded figures of one engine's trades that would have changed sides.

    `change` is SHADOW_TO_REAL or REAL_TO_SHADOW; `decisions` is how many would have changed, `trades` how
    many of them have an outcome, `unpriced` how many of those have no price; `pnl` sums the others by currency.
    """

    change: str
    engine: str
    decisions: int
    trades: int
    unpriced: int
    pnl: Mapping[str, Decimal]  # net of fees


@dataclass(frozen=True, slots=True)
class PreviewWithPnl:
    """What settings would change, and what the affected trades recorded as they were."""

    preview: Preview
    recorded: tuple[RecordedPnl, ...]
    trips: tuple[Tripped, ...] = ()  # of guardrails that the settings limit


# Where the outcomes of the trades are that would have become something else.
TABLES = {"SHADOW_TO_REAL": "latest_shadow_outcomes", "REAL_TO_SHADOW": "latest_real_outcomes"}


@dataclass(slots=True)
class _Sum:
    decisions: int = 0
    trades: int = 0
    unpriced: int = 0
    pnl: dict[str, Decimal] = field(default_factory=dict)

    def add(self, decisions: int, trades: int, unpriced: int, currency: str, pnl: Decimal | None) -> None:
        self.decisions += decisions
        self.trades += trades
        self.unpriced += unpriced
        if pnl is not None:
            self.pnl[currency] = self.pnl.get(currency, Decimal(0)) + pnl


@dataclass(frozen=True, slots=True)
class Step:
    """How far a preview has come."""

    done: int
    total: int


def preview_with_pnl(
    selection: PreviewSelection, settings: PolicySettings, progress: Progress | None = None
) -> PreviewWithPnl:
    """What the settings would change, with the recorded P&L of the affected trades."""
    for step in preview_in_steps(selection, settings):
        if isinstance(step, PreviewWithPnl):
            return step
        if progress is not None:
            progress(step.done, step.total)
    raise AssertionError("the last step is the preview itself")


def preview_in_steps(selection: PreviewSelection, settings: PolicySettings) -> Iterator[Step | PreviewWithPnl]:
    """The steps of the progress, and last the result: for a page that shows both."""
    tally = Tally()
    sums: defaultdict[tuple[str, str], _Sum] = defaultdict(_Sum)
    reached: list[Step] = []
    moving: list[WhatIf] = []
    real: list[tuple[str, str]] = []
    for one in decided_again(selection, settings, lambda done, total: reached.append(Step(done, total))):
        tally.add(one)
        if one.after is not None and one.after.executed_engine != one.before.executed_engine:
            moving.append(one)
            if len(moving) == EXPERIMENTS_A_QUERY:
                _add_recorded(moving, sums)
                moving.clear()
        if one.after is not None and one.after.executed_engine:
            real.append((one.experiment_id, one.after.executed_engine))
        # A callback cannot yield: what it noted is passed on here, after the decision that it came with.
        if reached:
            yield reached.pop()
    _add_recorded(moving, sums)
    yield from reached
    recorded = (
        RecordedPnl(*key, one.decisions, one.trades, one.unpriced, one.pnl) for key, one in sorted(sums.items())
    )
    yield PreviewWithPnl(tally.result(), tuple(recorded), trips(settings, _stretch(selection, settings, real)))


def _stretch(selection: PreviewSelection, settings: PolicySettings, real: list[tuple[str, str]]) -> Stretch:
    """What the guardrails would have looked at: the trades that would have been real, and the time of the decisions."""
    closed: list[tuple[Any, ...]] = []
    if settings.max_consecutive_real_losses or settings.max_daily_real_loss:
        for start in range(0, len(real), EXPERIMENTS_A_QUERY):
            experiments, engines = zip(*real[start : start + EXPERIMENTS_A_QUERY], strict=True)
            closed += _rows(WOULD_BE_REAL, (list(experiments), list(engines)))
    during = period_of(selection)
    arrivals: list[Any] = []
    returns: list[Any] = []
    if during and settings.max_failed_signal_percentage:
        arrivals = _rows(ARRIVALS, (*during, MOST))
    if during and settings.max_engine_flaps:
        returns = _rows(RETURNS, during)
    return Stretch(
        # In the order in which the worker's measures take them.
        tuple(ClosedTrade(at, pnl, currency) for at, _, pnl, currency in sorted(closed)),
        tuple(Arrival(*row) for row in sorted(arrivals)),
        tuple(Return(*row) for row in returns),
    )


def _rows(statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _add_recorded(moving: list[WhatIf], sums: defaultdict[tuple[str, str], _Sum]) -> None:
    """Add what these trades recorded; each decision of `moving` would let another engine trade for real."""
    for change, table in TABLES.items():
        # The engine that would become real has a shadow outcome so far, the one that was real a real outcome.
        movers = [
            (one.experiment_id, engine)
            for one in moving
            if one.after is not None
            and (engine := (one.after if change == "SHADOW_TO_REAL" else one.before).executed_engine)
        ]
        if not movers:
            continue
        experiments, engines = zip(*movers, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(RECORDED.format(table=table), (list(experiments), list(engines)))
            for engine, *found in cursor.fetchall():
                sums[change, engine].add(*found)
