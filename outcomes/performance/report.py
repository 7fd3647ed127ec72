"""The performance report: what each engine earned, real and shadow apart, and how the two compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from psycopg.sql import Composable

from outcomes.core.metrics import CONVENTIONS, QUANTILE_95, present
from outcomes.core.paired_statistics import EXACT_RANKS
from outcomes.performance.figures_sql import curve_statement, figures_statement, outcomes_relation
from outcomes.performance.filters import PerformanceFilters, instant_text
from outcomes.performance.pairs import PAIR_CONVENTIONS, present_pairs
from outcomes.performance.pairs_sql import answers_statement, pairs_relation, pairs_statement, splits_statement

ENGINES = ("A", "B")
KINDS = ("real", "shadow")
CURVE_POINTS = 498


def performance_report(filters: PerformanceFilters) -> dict[str, Any]:
    """Return the report (R5.3, R5.4): per engine real and shadow, never added, and the pairs.

    All of it is of one instant, `as_of`, by the database clock. Counts are integers, all other
    numbers text; what is undefined is null with its reason in `undefined` beside it.
    """
    given = filters.parameters()
    with one_snapshot():
        as_of = _rows("SELECT now() AS now", {})[0]["now"]
        figures = {(row["kind"], row["engine"]): row for row in figures_of(outcomes_relation(filters), given)}
        sums = pair_sums_of(pairs_relation(filters), given)
        splits = _rows(splits_statement(filters), given)
        answers = _rows(answers_statement(filters), given)
    engines = {engine: {kind: present(figures.get((kind, engine))) for kind in KINDS} for engine in ENGINES}
    return {
        "filters": filters.document(),
        "as_of": instant_text(as_of),
        "conventions": CONVENTIONS | PAIR_CONVENTIONS,
        "engines": engines,
        "pairs": present_pairs(sums, splits, answers[0]),
    }


def figures_of(trades: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row of exact figures per kind and engine in a relation of trades (performance_sql)."""
    return _rows(figures_statement(trades), parameters | {"quantile": QUANTILE_95})


def pair_sums_of(pairs: Composable, parameters: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return exact sums per label of a relation of pairs (performance_pairs_sql)."""
    rows = _rows(pairs_statement(pairs), parameters | {"exact_ranks": EXACT_RANKS})
    return {row["label"]: row for row in rows}


def curve_of(trades: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the thinned-out cumulative P&L of a relation of trades, by kind, engine and time."""
    return _rows(curve_statement(trades), parameters | {"points": CURVE_POINTS})


def cumulative_series(filters: PerformanceFilters) -> list[dict[str, Any]]:
    """Return the cumulative P&L after each exit, by engine and kind, for a chart.

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
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # 100,000 outcomes are sorted in memory instead of on disk.
            cursor.execute("SET LOCAL work_mem = '32MB'")
        yield


def _rows(statement: str | Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
