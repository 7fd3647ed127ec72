"""What the trades earned that a preview would have made real, or shadow.

The figures are the recorded ones of those very trades. They are no forecast: a shadow trade that is
real pays other prices. An UNPRICED trade is counted and in no sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import connection

from experiments.core.what_if import Preview, Tally, WhatIf
from experiments.history.preview import PreviewSelection, decided_again
from experiments.history.replay import Progress
from policies.core.settings import PolicySettings

EXPERIMENTS_A_QUERY = 5000

RECORDED = """
SELECT m.engine, count(*), count(o.trade_id), count(*) FILTER (WHERE o.price_provenance = 'UNPRICED'),
       coalesce(sum(o.pnl), 0)
  FROM unnest(%s::uuid[], %s::text[]) AS m (experiment_id, engine)
  LEFT JOIN {table} o ON o.experiment_id = m.experiment_id AND o.engine = m.engine
 GROUP BY m.engine
"""


@dataclass(frozen=True, slots=True)
class RecordedPnl:
    """The recorded figures of one engine's trades that would have changed sides.

    `change` is SHADOW_TO_REAL or REAL_TO_SHADOW; `decisions` is how many would have changed, `trades` how
    many of them have an outcome, `unpriced` how many of those have no price; `pnl` sums the others.
    """

    change: str
    engine: str
    decisions: int
    trades: int
    unpriced: int
    pnl: Decimal  # net of fees, currency


@dataclass(frozen=True, slots=True)
class PreviewWithPnl:
    """What settings would have changed, and what the trades concerned earned as they were."""

    preview: Preview
    recorded: tuple[RecordedPnl, ...]


# Where the outcomes of the trades are that would have become something else.
TABLES = {"SHADOW_TO_REAL": "shadow_outcomes", "REAL_TO_SHADOW": "real_outcomes"}


@dataclass(slots=True)
class _Sum:
    decisions: int = 0
    trades: int = 0
    unpriced: int = 0
    pnl: Decimal = field(default_factory=Decimal)

    def add(self, decisions: int, trades: int, unpriced: int, pnl: Decimal) -> None:
        self.decisions += decisions
        self.trades += trades
        self.unpriced += unpriced
        self.pnl += pnl


@dataclass(frozen=True, slots=True)
class Step:
    """How far a preview has come."""

    done: int
    total: int


def preview_with_pnl(
    selection: PreviewSelection, settings: PolicySettings, progress: Progress | None = None
) -> PreviewWithPnl:
    """Return the preview of the settings with the recorded P&L of the trades it would have concerned."""
    for step in preview_in_steps(selection, settings):
        if isinstance(step, PreviewWithPnl):
            return step
        if progress is not None:
            progress(step.done, step.total)
    raise AssertionError("the last step is the preview itself")


def preview_in_steps(selection: PreviewSelection, settings: PolicySettings) -> Iterator[Step | PreviewWithPnl]:
    """Yield how far it has come, and the preview last: for a page that shows it coming."""
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
        if reached:
            yield reached.pop()
    _add_recorded(moving, sums)
    yield from reached
    recorded = (
        RecordedPnl(*key, one.decisions, one.trades, one.unpriced, one.pnl) for key, one in sorted(sums.items())
    )
    yield PreviewWithPnl(tally.result(), tuple(recorded))


def _add_recorded(moving: list[WhatIf], sums: defaultdict[tuple[str, str], _Sum]) -> None:
    """Add what the trades of these decisions earned, which would let another engine trade for real."""
    for change in TABLES:
        for engine, decisions, trades, unpriced, pnl in _recorded(change, moving):
            sums[change, engine].add(decisions, trades, unpriced, pnl)


def _recorded(change: str, batch: list[WhatIf]) -> list[tuple[str, int, int, int, Decimal]]:
    """Return engine, decisions, outcomes, UNPRICED ones and P&L of the trades that change sides this way."""
    moving = [(one.experiment_id, engine) for one in batch if (engine := _mover(change, one)) is not None]
    if not moving:
        return []
    experiments, engines = zip(*moving, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(RECORDED.format(table=TABLES[change]), (list(experiments), list(engines)))
        found: list[tuple[str, int, int, int, Decimal]] = cursor.fetchall()
    return found


def _mover(change: str, one: WhatIf) -> str | None:
    assert one.after is not None
    return one.after.executed_engine if change == "SHADOW_TO_REAL" else one.before.executed_engine
