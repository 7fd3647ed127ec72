"""What reports keep of experiments whose rows go into an archive: a report over any period stays what it was."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from psycopg.sql import SQL

from outcomes.performance.measures import DIMENSIONS
from outcomes.performance.scope import EXPERIMENTS, SPREAD, columns, facts_of

_EXPERIMENT_COLUMNS = ("experiment_id", "created_at", "split_percentage", *DIMENSIONS)
_ANSWER_COLUMNS = ("a_role", "a_became", "b_role", "b_became", "ends")
_RESULT_COLUMNS = (
    "experiment_id", "kind", "engine", "currency", "exit_time", "pnl", "r", "risk_amount", "price_provenance",
    "unpriced", "violating", "left_out", "amended", "a_pnl", "a_r", "fees",
)  # fmt: skip
_RESULTS, _ANSWERS = facts_of("experiment_id = ANY(%(experiments)s)")
_KEEP_EXPERIMENTS = SQL("""
INSERT INTO archived_experiments ({names}, {answers})
SELECT {names}, {answers}
  FROM (SELECT {names} FROM ({experiments}) e WHERE experiment_id = ANY(%(experiments)s)) asked
  JOIN (SELECT experiment_id, {answers} FROM ({answered}) answered) answered USING (experiment_id)
""").format(
    names=columns(_EXPERIMENT_COLUMNS), answers=columns(_ANSWER_COLUMNS), experiments=EXPERIMENTS, answered=_ANSWERS
)
_KEEP_RESULTS = SQL("""
INSERT INTO archived_results ({names}, trade_id, spread_level)
SELECT {names}, id, level
  FROM ({results}) closed
  LEFT JOIN LATERAL (
       SELECT entry_quotes FROM real_trades t WHERE t.trade_id = closed.id AND closed.kind = 'real'
       UNION ALL SELECT entry_quotes FROM shadow_trades t WHERE t.trade_id = closed.id AND closed.kind = 'shadow'
  ) trade ON true
  LEFT JOIN LATERAL ({spread}) spread ON true
""").format(names=columns(_RESULT_COLUMNS), results=_RESULTS, spread=SPREAD)


def keep_facts(experiments: Sequence[UUID]) -> None:
    """Keep what reports know of experiments whose rows are deleted in this transaction."""
    with connection.cursor() as cursor:
        # First the trades: what they are of is read from the rows of both.
        cursor.execute(_KEEP_RESULTS, {"experiments": list(experiments)})
        cursor.execute(_KEEP_EXPERIMENTS, {"experiments": list(experiments)})
