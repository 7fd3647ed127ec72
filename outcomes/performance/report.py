"""The performance report: what each engine earned, real and shadow apart, and how the two compare.

It adds the sums of whole days (`cells`) to the rows of the days whose sums do not hold: so a million trades are read in
a tenth of a second, and what has changed a moment ago is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Composed, Identifier

from kernel.canonical import document_hash
from kernel.sql import load
from kernel.values import day_text, format_timestamp
from outcomes.core.statistics import QUANTILE_95
from outcomes.performance.figures import CONVENTIONS, FIGURES, NO_OUTCOME, present
from outcomes.performance.measures import ANSWER_COUNTS, ENDINGS, MEASURES, PHASE
from outcomes.performance.months import DRAWDOWN, MONTH_SUMS, beside_months, month_cells
from outcomes.performance.pairs import PAIR_CONVENTIONS, PAIR_FIGURES, pair_row
from outcomes.performance.scope import (
    EXPERIMENTS,
    WHOLE_DAYS,
    PerformanceFilters,
    Scope,
    added_up,
    answers_in,
    both,
    columns,
    curves,
    curves_of_some,
    measured,
    named,
    pairs_in,
    results_in,
    rows_of,
)

ENGINES = ("A", "B")
KINDS = ("real", "shadow", "own_exit")
# A multiple of three: each stretch of a long curve keeps its last, lowest and highest point.
CURVE_POINTS = 498
# So many trades are drawn one by one; beyond, the course of each day is.
DRAWN_SINGLY = 5_000

_FIGURES = load(__file__, "figures.sql")
_CURVE = load(__file__, "curve.sql")
_PHASES = load(__file__, "phases.sql")


def performance_report(filters: PerformanceFilters) -> dict[str, Any]:
    """The report (R5.3, R5.4): per engine real, shadow and own exits, never added, and the pairs.

    All of it is of one instant, `as_of`, by the database clock; `report_hash` is of everything else. Counts are
    integers, all other numbers text; what is undefined is null with its reason in `undefined` beside it.
    """
    with one_snapshot():
        scope = Scope.of(filters)
        filters = scope.filters
        figures = {(row["kind"], row["engine"]): row for row in _figures_in(scope)}
        drawdowns = {(row["kind"], row["engine"]): row for row in _drawdowns_in(scope)}
        answers = _answers_in(scope)
        # The filters that depend on the assignment would make its check see what they have themselves sorted out.
        assigned = replace(filters, variant=None, execution_mode=None)
        assignments = answers if assigned == filters else _answers_in(scope.over(assigned))
        phases = phases_in(scope)

    def shown(kind: str, engine: str) -> dict[str, Any]:
        # One without outcomes, or without answers, has no row.
        group = kind, engine
        ended = {ending: _total(answers, f"{engine.lower()}_{kind}_{ending}") for ending in ENDINGS}
        return present(FIGURES, {**NO_OUTCOME, **figures.get(group, {}), **drawdowns.get(group, {}), **ended})

    both_answered, a_only, b_only, experiments = (
        _total(answers, name) for name in ("both", "a_only", "b_only", "experiments")
    )
    completeness = {
        "both": both_answered,
        "a_only": a_only,
        "b_only": b_only,
        "neither": experiments - both_answered - a_only - b_only,
    }
    splits = [
        {"split_percentage": row["split_percentage"], "a": row["variant_a"], "b": row["experiments"] - row["variant_a"]}
        for row in assignments
    ]
    report = {
        "filters": filters.document(),
        "currencies": scope.currencies,
        "phases": phases,
        "conventions": CONVENTIONS | PAIR_CONVENTIONS | {figure.name: figure.definition for figure in FIGURES},
        "engines": {engine: {kind: shown(kind, engine) for kind in KINDS} for engine in ENGINES},
        "pairs": present(PAIR_FIGURES, pair_row(figures, splits, completeness)),
    }
    return {"as_of": format_timestamp(scope.now), "report_hash": document_hash(report), **report}


def cumulative_series(filters: PerformanceFilters) -> list[dict[str, Any]]:
    """The cumulative P&L after each exit, by engine and kind, for a chart.

    Each: kind, engine, points, a list of (exit time, cumulative P&L), at most 500, first to last.
    Where there are more, each stretch keeps its lowest, its highest and its last point; of many trades each day does.
    """
    series: dict[tuple[str, str], list[Any]] = {}
    with one_snapshot():
        scope = Scope.of(filters)
        is_short = _trades_in(scope) <= DRAWN_SINGLY
        period = [(scope.filters.since, scope.filters.until)]
        trades = scope.rows(results_in(period)) if is_short else _drawn(_courses_in(scope, SQL("true")))
        found = curve_of(SQL("SELECT * FROM ({}) t WHERE kind <> 'own_exit'").format(trades), scope.parameters)
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
            # Days are added up in memory, without sorting; compiling takes longer than it saves.
            cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL hash_mem_multiplier = 8; SET LOCAL jit = off")
        yield


# The relations are arguments, so that the very same statements run over known answers in the tests.


def figures_of(days: Composable, parameters: dict[str, Any], months: Composable | None = None) -> list[dict[str, Any]]:
    """One row of exact figures per kind and engine in a relation of days, and in one of months (see figures.sql)."""
    made = [figure for figure in FIGURES if figure.sql]
    measured = SQL("SELECT *, NULL::smallint AS active_days, NULL::numeric AS squared_days FROM ({}) days").format(days)
    statement = SQL(_FIGURES).format(
        measured=both(measured, months) if months is not None else measured,
        sums=added_up(MEASURES),
        others=columns(MEASURES),
        figures=SQL(", ").join(SQL("{} AS {}").format(SQL(figure.sql), Identifier(figure.name)) for figure in made),
    )
    return rows_of(statement, parameters | {"quantile": QUANTILE_95})


def drawdowns_of(courses: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The maximum drawdown per kind and engine in a relation of the courses of days (see drawdown.sql)."""
    return rows_of(SQL(DRAWDOWN).format(curves=courses, by=SQL("")), parameters)


def curve_of(trades: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The thinned-out cumulative P&L of a relation of trades, by kind, engine and time (see curve.sql)."""
    return rows_of(SQL(_CURVE).format(trades=trades), parameters | {"points": CURVE_POINTS})


def _figures_in(scope: Scope) -> list[dict[str, Any]]:
    names = ("kind", "engine", "day", *MEASURES)
    of_rows = measured(scope.rows(both(results_in(scope.loose), pairs_in(scope.loose))))
    of_months = month_cells(scope, columns((*names, *MONTH_SUMS)), SQL("true"))
    return figures_of(both(scope.cells(columns(names), beside_months(scope)), of_rows), scope.parameters, of_months)


def _drawdowns_in(scope: Scope) -> list[dict[str, Any]]:
    names = SQL("kind, engine, currency, day, NULL::timestamptz AS last_exit, total, peak, trough, fall")
    of_months = month_cells(scope, names, SQL("fall IS NOT NULL"))
    return drawdowns_of(both(_courses_in(scope, beside_months(scope)), of_months), scope.parameters)


def _courses_in(scope: Scope, condition: Composable) -> Composed:
    """The courses of days: cells know that of all together and of one filter, and the trades of several's."""
    of_rows = curves(scope.rows(results_in(scope.loose)))
    if len(scope.narrowing) > 1:
        kept = scope.cells(
            columns(("kind", "engine", "currency", "day", "last_exit", "slices", "pnls")), condition, scope.kept
        )
        return both(curves_of_some(kept, SQL("%(slices_full)s::int[]")), of_rows)
    names = columns(("kind", "engine", "currency", "day", "last_exit", "total", "peak", "trough", "fall"))
    return both(scope.cells(names, SQL("fall IS NOT NULL AND {}").format(condition)), of_rows)


def _drawn(courses: Composable) -> Composed:
    """The courses of days as trades that run through the lowest, the highest and the last point of each."""
    return SQL("""SELECT kind, engine, last_exit AS exit_time, step AS id, false AS left_out,
       CASE step WHEN 1 THEN trough WHEN 2 THEN peak - trough ELSE coalesce(total, 0) - peak END AS pnl
  FROM ({}) courses CROSS JOIN generate_series(1, 3) step""").format(courses)


def _trades_in(scope: Scope) -> int:
    """How many closed trades the cells of the scope hold, and the rows that are read beside them."""
    kinds = SQL("kind IN ('real', 'shadow')")
    statement = SQL("SELECT coalesce(sum(n), 0) AS n FROM ({} UNION ALL SELECT count(*) FROM ({}) results) counted")
    return int(
        rows_of(
            statement.format(scope.cells(columns(("n",)), kinds), scope.rows(results_in(scope.loose))), scope.parameters
        )[0]["n"]
    )


def _answers_in(scope: Scope) -> list[dict[str, Any]]:
    """What became of the experiments, by the split that decided on them."""
    return rows_of(
        SQL("""WITH counted AS (
    SELECT policy_version, {names} FROM report_answer_cells WHERE {slices} AND {whole_days}
    UNION ALL SELECT policy_version, {measures} FROM ({rows}) answered GROUP BY policy_version
)
SELECT split_percentage, {sums} FROM counted JOIN policy_versions ON version = policy_version
 GROUP BY split_percentage ORDER BY split_percentage""").format(
            names=columns(ANSWER_COUNTS),
            slices=scope.sliced,
            whole_days=WHOLE_DAYS,
            measures=named(ANSWER_COUNTS),
            rows=scope.filters.chosen(answers_in(scope.loose)),
            sums=added_up(ANSWER_COUNTS),
        ),
        scope.parameters,
    )


def _total(rows: list[dict[str, Any]], name: str) -> int:
    # No one answers in the kind of own exits.
    return sum(row.get(name, 0) for row in rows)


def phases_in(scope: Scope) -> list[dict[str, Any]]:
    """The phases of the closed trades, oldest first; one without an engine's answer belongs to those that fit it."""
    statement = SQL(_PHASES).format(
        conditions=scope.filters.conditions(scope.narrowing),
        phase=columns(PHASE),
        whole_days=WHOLE_DAYS,
        experiments=EXPERIMENTS,
        rows=scope.rows(results_in(scope.loose)),
    )
    found = rows_of(statement, scope.parameters)
    phases: list[dict[str, Any]] = []
    # Those with answers of both engines first.
    for row in sorted(found, key=lambda row: [row[name] for name in PHASE].count("")):
        whole = next((phase for phase in phases if all(row[name] in ("", phase[name]) for name in PHASE)), None)
        if whole is None:
            phases.append(row)
        else:
            whole["first_day"] = min(whole["first_day"], row["first_day"])
            whole["last_day"] = max(whole["last_day"], row["last_day"])
    return [
        {
            "policy_version": row["policy_version"],
            "first_day": day_text(row["first_day"]),
            "last_day": day_text(row["last_day"]),
            "engines": {
                engine: {
                    "strategy_version": row[f"strategy_version_{engine.lower()}"],
                    "rules_hash": row[f"rules_hash_{engine.lower()}"],
                }
                for engine in ENGINES
            },
        }
        for row in sorted(phases, key=lambda row: row["first_day"])
    ]
