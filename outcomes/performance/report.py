"""The performance report: what each engine earned, real and shadow apart, and how the two compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Composed, Identifier

from kernel import sql as sql_files
from kernel.values import format_timestamp
from outcomes.core.statistics import EXACT_RANKS, QUANTILE_95
from outcomes.performance.figures import CONVENTIONS, FIGURES, NO_OUTCOME, present
from outcomes.performance.pairs import PAIR_CONVENTIONS, PAIR_FIGURES, pair_row

ENGINES = ("A", "B")
KINDS = ("real", "shadow")
# A multiple of three: each stretch of a long curve keeps its last, lowest and highest point.
CURVE_POINTS = 498

_OUTCOMES = sql_files.load(__file__, "outcomes.sql")
_CHOSEN_PAIRS = sql_files.load(__file__, "chosen_pairs.sql")
_SPLITS = sql_files.load(__file__, "splits.sql")
_ANSWERS = sql_files.load(__file__, "answers.sql")
_OPENINGS = sql_files.load(__file__, "openings.sql")
_SCOPE = sql_files.load(__file__, "scope.sql")
_FIGURES = sql_files.load(__file__, "figures.sql")
_PAIRS = sql_files.load(__file__, "pairs.sql")
_CURVE = sql_files.load(__file__, "curve.sql")
ALL = SQL(" AND ")
# Only these texts get into a statement; what a client sends is a parameter.
CONDITIONS = {
    "symbol": SQL("s.symbol = %(symbol)s"),
    "timeframe": SQL("s.timeframe = %(timeframe)s"),
    "direction": SQL("s.direction = %(direction)s"),
    "strategy": SQL("s.strategy = %(strategy)s"),
    "source": SQL("s.source = %(source)s"),
    "execution_mode": SQL("p.execution_mode = %(execution_mode)s"),
    "policy_version": SQL("e.policy_version = %(policy_version)s"),
    "variant": SQL("e.variant = %(variant)s"),
}
OF_THE_SIGNAL = {"symbol", "timeframe", "direction", "strategy", "source"}


@dataclass(frozen=True, slots=True)
class PerformanceFilters:
    """What to look at; None means any.

    `since` is included and `until` is not, so that periods add up; both are about the exit.
    An empty `strategy` means the signals that came without one. No `currency` means the only one there is, else that of
    the policy in force: a report is in one.
    """

    since: datetime | None = None
    until: datetime | None = None
    symbol: str | None = None
    timeframe: str | None = None
    direction: str | None = None
    strategy: str | None = None
    source: str | None = None
    execution_mode: str | None = None
    policy_version: int | None = None
    variant: str | None = None
    currency: str | None = None

    def document(self) -> dict[str, Any]:
        """The filters as shown in the report; times as RFC 3339 UTC."""
        return {
            name: format_timestamp(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }

    def period(self, moment: SQL) -> Composed:
        """The condition that puts this moment (an SQL expression) into the period."""
        conditions: list[Composable] = [SQL("true")]
        if self.since is not None:
            conditions.append(SQL("{} >= %(since)s").format(moment))
        if self.until is not None:
            conditions.append(SQL("{} < %(until)s").format(moment))
        return ALL.join(conditions)

    def experiments(self) -> tuple[Composed, Composed]:
        """The joins that follow experiments `e`, and the condition on what they join.

        Signals `s` and decisions `p` are read only when a filter asks for them: they are wide.
        """
        asked = {name: condition for name, condition in CONDITIONS.items() if getattr(self, name) is not None}
        joins = [SQL(" JOIN signals s USING (signal_id)")] if OF_THE_SIGNAL & asked.keys() else []
        if "execution_mode" in asked:
            joins.append(SQL(" JOIN execution_policy p USING (experiment_id)"))
        return Composed(joins), ALL.join([SQL("true"), *asked.values()])

    def chosen_experiments(self) -> Composed:
        """A join that keeps the chosen experiments; empty when any will do."""
        if all(getattr(self, name) is None for name in CONDITIONS):
            return Composed([])
        joins, condition = self.experiments()
        inner = SQL("SELECT experiment_id FROM experiments e{} WHERE {}").format(joins, condition)
        return SQL(" JOIN ({}) chosen USING (experiment_id)").format(inner)


def performance_report(filters: PerformanceFilters) -> dict[str, Any]:
    """The report (R5.3, R5.4): per engine real and shadow, never added, and the pairs.

    All of it is of one instant, `as_of`, by the database clock. Counts are integers, all other
    numbers text; what is undefined is null with its reason in `undefined` beside it.
    """
    with one_snapshot():
        scope = _rows(_SCOPE, {})[0]
        filters = _in_one_currency(filters, scope)
        given = asdict(filters)
        figures = {(row["kind"], row["engine"]): row for row in figures_of(outcomes_relation(filters), given)}
        openings = {(row["kind"], row["engine"]): row for row in _rows(_of_experiments(_OPENINGS, filters), given)}
        sums = pair_sums_of(pairs_relation(filters), given)
        # The filters that depend on the assignment would make its check see what they have themselves sorted out.
        splits = _rows(_of_experiments(_SPLITS, replace(filters, variant=None, execution_mode=None)), given)
        answers = _rows(_of_experiments(_ANSWERS, filters), given)[0]

    def shown(kind: str, engine: str) -> dict[str, Any]:
        # One without outcomes, or without answers, has no row.
        group = kind, engine
        return present(FIGURES, {**NO_OUTCOME, **figures.get(group, {}), **openings.get(group, {})})

    return {
        "filters": filters.document(),
        "currencies": scope["currencies"],
        "as_of": format_timestamp(scope["now"]),
        "conventions": CONVENTIONS | PAIR_CONVENTIONS | {figure.name: figure.definition for figure in FIGURES},
        "engines": {engine: {kind: shown(kind, engine) for kind in KINDS} for engine in ENGINES},
        "pairs": present(PAIR_FIGURES, pair_row(sums, splits, answers)),
    }


def cumulative_series(filters: PerformanceFilters) -> list[dict[str, Any]]:
    """The cumulative P&L after each exit, by engine and kind, for a chart.

    Each: kind, engine, points, a list of (exit time, cumulative P&L), at most 500, first to last.
    Where there are more, each stretch keeps its lowest, its highest and its last point.
    """
    series: dict[tuple[str, str], list[Any]] = {}
    with one_snapshot():
        filters = _in_one_currency(filters, _rows(_SCOPE, {})[0])
        found = curve_of(outcomes_relation(filters), asdict(filters))
    for row in found:
        series.setdefault((row["engine"], row["kind"]), []).append((row["exit_time"], row["equity"]))
    return [{"engine": engine, "kind": kind, "points": series[engine, kind]} for engine, kind in sorted(series)]


def _in_one_currency(filters: PerformanceFilters, scope: dict[str, Any]) -> PerformanceFilters:
    return replace(filters, currency=filters.currency or scope["currency"])


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
    return SQL(_OUTCOMES).format(chosen=filters.chosen_experiments(), period=filters.period(SQL("exit_time")))


def pairs_relation(filters: PerformanceFilters) -> Composed:
    """The pairs that the filters choose."""
    period = filters.period(SQL("greatest(r.exit_time, s.exit_time)"))
    return SQL(_CHOSEN_PAIRS).format(chosen=filters.chosen_experiments(), period=period)


def _of_experiments(text: LiteralString, filters: PerformanceFilters) -> Composed:
    joins, conditions = filters.experiments()
    return SQL(text).format(joins=joins, conditions=conditions, period=filters.period(SQL("e.created_at")))


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
    rows = _rows(SQL(_PAIRS).format(pairs=pairs), parameters | {"exact_ranks": EXACT_RANKS})
    return {row["label"]: row for row in rows}


def curve_of(trades: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The thinned-out cumulative P&L of a relation of trades, by kind, engine and time (see curve.sql)."""
    return _rows(SQL(_CURVE).format(trades=trades), parameters | {"points": CURVE_POINTS})


def _rows(statement: str | Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
