"""The performance report: what each engine earned, real and shadow apart, and how the two compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Composed, Identifier

from kernel import sql as sql_files
from kernel.values import format_timestamp
from outcomes.core.statistics import EXACT_RANKS, QUANTILE_95
from outcomes.performance.figures import CONVENTIONS, FIGURES, NO_OUTCOME, present
from outcomes.performance.filters import PerformanceFilters, where
from outcomes.performance.pairs import (
    PAIR_CONVENTIONS,
    PAIR_FIGURES,
    answers_statement,
    pair_row,
    pairs_relation,
    pairs_statement,
    splits_statement,
)

ENGINES = ("A", "B")
KINDS = ("real", "shadow")
# A multiple of three: each stretch of a long curve keeps its last, lowest and highest point.
CURVE_POINTS = 498

# COLLATE "C": sorting 100,000 rows by the language rules of the database costs three times as much.
_OUTCOMES: LiteralString = """
SELECT {kind}::text COLLATE "C" AS kind, engine::text COLLATE "C" AS engine, exit_time, trade_id AS id, pnl,
       price_provenance, broken.experiment_id IS NOT NULL AS violating
  FROM {table}{chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id){where}"""
_FIGURES = sql_files.load(__file__, "figures.sql")
_CURVE = sql_files.load(__file__, "curve.sql")


def performance_report(filters: PerformanceFilters) -> dict[str, Any]:
    """The report (R5.3, R5.4): per engine real and shadow, never added, and the pairs.

    All of it is of one instant, `as_of`, by the database clock. Counts are integers, all other
    numbers text; what is undefined is null with its reason in `undefined` beside it.
    """
    given = filters.parameters()
    with one_snapshot():
        as_of = _rows("SELECT now() AS now", {})[0]["now"]
        figures = {(row["kind"], row["engine"]): row for row in figures_of(outcomes_relation(filters), given)}
        sums = pair_sums_of(pairs_relation(filters), given)
        splits = _rows(splits_statement(filters), given)
        answers = _rows(answers_statement(filters), given)[0]
    return {
        "filters": filters.document(),
        "as_of": format_timestamp(as_of),
        "conventions": CONVENTIONS | PAIR_CONVENTIONS | {figure.name: figure.definition for figure in FIGURES},
        "engines": {
            # A group without outcomes has no row.
            engine: {kind: present(FIGURES, figures.get((kind, engine), NO_OUTCOME)) for kind in KINDS}
            for engine in ENGINES
        },
        "pairs": present(PAIR_FIGURES, pair_row(sums, splits, answers)),
    }


def cumulative_series(filters: PerformanceFilters) -> list[dict[str, Any]]:
    """The cumulative P&L after each exit, by engine and kind, for a chart.

    Each: kind, engine, points, a list of (exit time, cumulative P&L), at most 500, first to last.
    Where there are more, each stretch keeps its lowest, its highest and its last point.
    """
    series: dict[tuple[str, str], list[Any]] = {}
    with one_snapshot():
        found = curve_of(outcomes_relation(filters), filters.parameters())
    for row in found:
        series.setdefault((row["engine"], row["kind"]), []).append((row["exit_time"], row["equity"]))
    return [{"engine": engine, "kind": kind, "points": series[engine, kind]} for engine, kind in sorted(series)]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Let all statements inside see one state of the database; a caller's own transaction stays as it is.

    The default isolation would let an outcome appear between two statements: in the pairs, but not
    in the figures.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            # PostgreSQL refuses this after the first query of a transaction.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # 100,000 outcomes are sorted in memory instead of on disk.
            cursor.execute("SET LOCAL work_mem = '32MB'")
        yield


def outcomes_relation(filters: PerformanceFilters) -> Composed:
    """The stored outcomes that the filters choose: real and shadow ones side by side (R5.2)."""
    parts = [
        SQL(_OUTCOMES).format(
            kind=kind,
            table=table,
            chosen=filters.chosen_experiments(),
            where=where(filters.period(SQL("exit_time"))),
        )
        for kind, table in ((SQL("'real'"), SQL("real_outcomes")), (SQL("'shadow'"), SQL("shadow_outcomes")))
    ]
    return SQL(" UNION ALL ").join(parts)


# The relations are arguments, so that the very same statements run over known answers in the tests.


def figures_of(trades: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """One row of exact figures per kind and engine in a relation of trades (see figures.sql)."""
    made = [figure for figure in FIGURES if figure.sql or figure.aggregate]
    columns = [SQL("{} AS {}").format(SQL(figure.sql or figure.name), Identifier(figure.name)) for figure in made]
    aggregates = [
        SQL(", {} AS {}").format(SQL(figure.aggregate), Identifier(figure.name)) for figure in made if figure.aggregate
    ]
    statement = SQL(_FIGURES).format(
        trades=trades, aggregates=SQL("").join(aggregates), figures=SQL(", ").join(columns)
    )
    return _rows(statement, parameters | {"quantile": QUANTILE_95})


def pair_sums_of(pairs: Composable, parameters: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Exact sums per label of a relation of pairs (see pairs.sql)."""
    rows = _rows(pairs_statement(pairs), parameters | {"exact_ranks": EXACT_RANKS})
    return {row["label"]: row for row in rows}


def curve_of(trades: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The thinned-out cumulative P&L of a relation of trades, by kind, engine and time (see curve.sql)."""
    return _rows(SQL(_CURVE).format(trades=trades), parameters | {"points": CURVE_POINTS})


def _rows(statement: str | Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
