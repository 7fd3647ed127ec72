"""Preview: what other policy settings would change of the decisions that are stored.

Nothing is written, and nothing is forecast: the signals, buckets, availability and halts are the stored
ones. Settings that work through such facts (the time to live of heartbeats, the limits of guardrails)
show no effect here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from experiments.core.what_if import Preview, StoredDecision, Tally, Verdict, WhatIf, decide_again
from experiments.history.replay import Progress
from kernel.errors import DomainError
from policies.core.settings import PolicySettings

DEFAULT_LAST = 500
MOST = 100_000
ROWS_PER_FETCH = 2000

# The newest first, so that a limit leaves out the oldest.
MATCHING = """
  FROM execution_policy d JOIN experiments e USING (experiment_id) JOIN signals s USING (signal_id)
 WHERE (%(since)s::timestamptz IS NULL OR e.created_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR e.created_at < %(until)s)
   AND (%(symbol)s::text IS NULL OR s.symbol = %(symbol)s)
   AND (%(timeframe)s::text IS NULL OR s.timeframe = %(timeframe)s)
 ORDER BY e.created_at DESC, e.experiment_id LIMIT %(last)s
"""
COUNT = f"SELECT count(*) FROM (SELECT 1 {MATCHING}) AS matching"  # noqa: S608 (put together from constants)
SELECT = f"""
SELECT d.experiment_id::text, s.symbol, e.bucket, d.inputs::text, d.rules_version,
       d.execution_mode, d.executed_engine, d.reason {MATCHING}
"""
PERIOD = f"SELECT min(created_at), max(created_at) FROM (SELECT e.created_at {MATCHING}) AS matching"  # noqa: S608


@dataclass(frozen=True, slots=True)
class PreviewSelection:
    """Which decisions to look at: the newest `last` of those that match. None means any; times are aware."""

    last: int = DEFAULT_LAST
    since: datetime | None = None
    until: datetime | None = None
    symbol: str | None = None
    timeframe: str | None = None


def preview(selection: PreviewSelection, settings: PolicySettings, progress: Progress | None = None) -> Preview:
    """What the settings would have changed of the selected decisions."""
    tally = Tally()
    for one in decided_again(selection, settings, progress):
        tally.add(one)
    return tally.result()


def decided_again(
    selection: PreviewSelection, settings: PolicySettings, progress: Progress | None = None
) -> Iterator[WhatIf]:
    """Decide the selected decisions again one after the other, in constant memory.

    `progress` is called with how many are done and how many there are. Raises DomainError
    `last_out_of_range` when more are asked for than a preview takes.
    """
    if not 1 <= selection.last <= MOST:
        raise DomainError("last_out_of_range", f"Must be between 1 and {MOST}.", "/last")
    parameters = _parameters(selection)
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        with connection.cursor() as counting:
            counting.execute(COUNT, parameters)
            total = int(counting.fetchone()[0])
        cursor.execute(SELECT, parameters)

        def stored() -> Iterator[StoredDecision]:
            done = 0
            while rows := cursor.fetchmany(ROWS_PER_FETCH):
                for experiment_id, symbol, bucket, inputs, rules_version, *verdict in rows:
                    yield StoredDecision(experiment_id, symbol, bucket, inputs, rules_version, Verdict(*verdict))
                done += len(rows)
                if progress is not None:
                    progress(done, max(total, done))

        yield from decide_again(stored(), settings)


def period_of(selection: PreviewSelection) -> tuple[datetime, datetime] | None:
    """When the first and the last of the selected decisions were made; None without any."""
    with connection.cursor() as cursor:
        cursor.execute(PERIOD, _parameters(selection))
        first, last = cursor.fetchone()
    return None if first is None else (first, last)


def _parameters(selection: PreviewSelection) -> dict[str, Any]:
    return {field.name: getattr(selection, field.name) for field in fields(selection)}
