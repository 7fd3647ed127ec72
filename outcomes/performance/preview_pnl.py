"""The recorded P&L of the trades that other policy settings would have moved between real and shadow.

It is what those trades recorded, not a forecast: a shadow trade made real would get other prices. An UNPRICED
trade is counted, and part of no sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import connection

from experiments.core.what_if import Preview, Tally, WhatIf
from experiments.history.preview import PreviewSelection, decided_again
from experiments.history.replay import Progress
from policies.core.settings import PolicySettings

# One at a time would be a round trip each; all at once would hold a million of them in memory.
EXPERIMENTS_A_QUERY = 5000

RECORDED = """
SELECT m.engine, count(*), count(o.trade_id), count(*) FILTER (WHERE o.price_provenance = 'UNPRICED'),
       o.currency, sum(o.pnl)
  FROM unnest(%s::uuid[], %s::text[]) AS m (experiment_id, engine)
  LEFT JOIN {table} o ON o.experiment_id = m.experiment_id AND o.engine = m.engine
 GROUP BY m.engine, o.currency
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
    for one in decided_again(selection, settings, lambda done, total: reached.append(Step(done, total))):
        tally.add(one)
        if one.after is not None and one.after.executed_engine != one.before.executed_engine:
            moving.append(one)
            if len(moving) == EXPERIMENTS_A_QUERY:
                _add_recorded(moving, sums)
                moving.clear()
        # A callback cannot yield: what it noted is passed on here, after the decision that it came with.
        if reached:
            yield reached.pop()
    _add_recorded(moving, sums)
    yield from reached
    recorded = (
        RecordedPnl(*key, one.decisions, one.trades, one.unpriced, one.pnl) for key, one in sorted(sums.items())
    )
    yield PreviewWithPnl(tally.result(), tuple(recorded))


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
