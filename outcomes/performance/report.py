"""The performance report: what each engine earned, real and shadow apart, and how the two compare.

It adds the sums of whole days (`cells`) to the rows of the days whose sums do not hold: so a million trades are read in
a tenth of a second, and what has changed a moment ago is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Composed, Identifier

from kernel.canonical import document_hash
from kernel.sql import load
from kernel.values import day_text, format_timestamp
from outcomes.core.statistics import QUANTILE_95
from outcomes.performance.cells import (
    EXPERIMENTS,
    Range,
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
)
from outcomes.performance.figures import CONVENTIONS, FIGURES, NO_OUTCOME, present
from outcomes.performance.measures import ANSWER_COUNTS, ENDINGS, FILTERS, MEASURES, PHASE
from outcomes.performance.pairs import PAIR_CONVENTIONS, PAIR_FIGURES, pair_row

ENGINES = ("A", "B")
KINDS = ("real", "shadow", "own_exit")
# A multiple of three: each stretch of a long curve keeps its last, lowest and highest point.
CURVE_POINTS = 498
# So many trades are drawn one by one; beyond, the course of each day is.
DRAWN_SINGLY = 5_000

_SCOPE = load(__file__, "scope.sql")
_FIGURES = load(__file__, "figures.sql")
_DRAWDOWN = load(__file__, "drawdown.sql")
_CURVE = load(__file__, "curve.sql")
_PHASES = load(__file__, "phases.sql")
ALL = SQL(" AND ")
# The days whose cells count: whole ones of the period that are not read from the rows.
_WHOLE_DAYS = SQL("""day <> ALL(%(days)s::date[])
   AND (%(since)s::timestamptz IS NULL OR day >= (%(since)s::timestamptz AT TIME ZONE 'America/New_York')::date)
   AND (%(until)s::timestamptz IS NULL OR day < (%(until)s::timestamptz AT TIME ZONE 'America/New_York')::date)""")


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

    @property
    def narrows(self) -> bool:
        """Whether it asks for some of the experiments only, whatever the period."""
        return any(getattr(self, name) is not None for name in FILTERS)

    def conditions(self) -> Composed:
        """What a slice or an experiment `e` has to be; only names of ours get into a statement."""
        asked = [name for name in FILTERS if getattr(self, name) is not None]
        return ALL.join(
            [SQL("true"), *(SQL("e.{} = {}").format(Identifier(name), SQL(f"%({name})s")) for name in asked)]
        )

    def chosen(self, rows: Composable) -> Composed:
        """Those of a relation's rows whose experiment is asked for."""
        if not self.narrows:
            return Composed([rows])
        return SQL("SELECT given.* FROM ({}) given JOIN ({}) e USING (experiment_id) WHERE {}").format(
            rows, EXPERIMENTS, self.conditions()
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report reads: its filters with the currency in them, and what is read from the rows (see scope.sql)."""

    filters: PerformanceFilters
    now: datetime
    currencies: list[str]
    slices: list[UUID] | None  # those asked for; None where all are
    loose_days: list[date]
    loose: list[Range]

    @classmethod
    def of(cls, filters: PerformanceFilters) -> Self:
        """As of now, in the snapshot of the transaction."""
        row = _rows(_SCOPE, asdict(filters))[0]
        in_one_currency = replace(filters, currency=filters.currency or row["currency"])
        # One range for days that follow each other.
        starts, ends = set(row["starts"]), set(row["ends"])
        loose = zip(sorted(starts - ends), sorted(ends - starts), strict=True)
        slices = _slices(in_one_currency)
        return cls(in_one_currency, row["now"], row["currencies"], slices, row["days"], list(loose))

    def over(self, filters: PerformanceFilters) -> Self:
        """The same moment and period for other filters."""
        return replace(self, filters=filters, slices=_slices(filters))

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements ask for by name."""
        return asdict(self.filters) | {"days": self.loose_days, "slices": self.slices}

    @property
    def sliced(self) -> SQL:
        """The condition on the cells: those of the slices asked for, or of all together."""
        return SQL("slice_id IS NULL" if self.slices is None else "slice_id = ANY(%(slices)s::uuid[])")

    def rows(self, results: Composable) -> Composed:
        """Those of closed trades or pairs that the filters choose."""
        in_currency = SQL("SELECT * FROM ({}) results WHERE currency = %(currency)s").format(results)
        return self.filters.chosen(in_currency)

    def cells(self, names: Composable, condition: Composable) -> Composed:
        """Sums of whole days, of those that the filters choose."""
        return SQL("SELECT {} FROM report_cells WHERE {} AND currency = %(currency)s AND {} AND {}").format(
            names, self.sliced, _WHOLE_DAYS, condition
        )


def performance_report(filters: PerformanceFilters) -> dict[str, Any]:
    """The report (R5.3, R5.4): per engine real, shadow and own exits, never added, and the pairs.

    All of it is of one instant, `as_of`, by the database clock; `report_hash` is of everything else. Counts are
    integers, all other numbers text; what is undefined is null with its reason in `undefined` beside it.
    """
    with one_snapshot():
        scope = Scope.of(filters)
        filters = scope.filters
        figures = {(row["kind"], row["engine"]): row for row in _figures_in(scope)}
        drawdowns = {(row["kind"], row["engine"]): row for row in drawdowns_of(_courses_in(scope), scope.parameters)}
        answers = _answers_in(scope)
        # The filters that depend on the assignment would make its check see what they have themselves sorted out.
        assigned = replace(filters, variant=None, execution_mode=None)
        assignments = answers if assigned == filters else _answers_in(scope.over(assigned))
        phases = _phases_in(scope)

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
        trades = scope.rows(results_in(period)) if is_short else _drawn(_courses_in(scope))
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


def figures_of(days: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """One row of exact figures per kind and engine in a relation of days (see figures.sql)."""
    made = [figure for figure in FIGURES if figure.sql]
    statement = SQL(_FIGURES).format(
        measured=days,
        sums=added_up(MEASURES),
        others=columns(MEASURES),
        figures=SQL(", ").join(SQL("{} AS {}").format(SQL(figure.sql), Identifier(figure.name)) for figure in made),
    )
    return _rows(statement, parameters | {"quantile": QUANTILE_95})


def drawdowns_of(courses: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The maximum drawdown per kind and engine in a relation of the courses of days (see drawdown.sql)."""
    return _rows(SQL(_DRAWDOWN).format(curves=courses), parameters)


def curve_of(trades: Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The thinned-out cumulative P&L of a relation of trades, by kind, engine and time (see curve.sql)."""
    return _rows(SQL(_CURVE).format(trades=trades), parameters | {"points": CURVE_POINTS})


def _figures_in(scope: Scope) -> list[dict[str, Any]]:
    of_cells = scope.cells(columns(("kind", "engine", "day", *MEASURES)), SQL("true"))
    if scope.slices is not None:
        # A day has a cell of each slice; added up first, few enough rows are left to be read twice.
        of_cells = SQL("SELECT kind, engine, day, {} FROM ({}) cells GROUP BY kind, engine, day").format(
            added_up(MEASURES), of_cells
        )
    return figures_of(
        both(of_cells, measured(scope.rows(both(results_in(scope.loose), pairs_in(scope.loose))))), scope.parameters
    )


def _courses_in(scope: Scope) -> Composed:
    """The courses of all days: cells know that of all slices together, and the trades that the others are made of."""
    of_rows = curves(scope.rows(results_in(scope.loose)))
    if scope.slices is not None:
        condition = SQL("currency = %(currency)s AND {}").format(_WHOLE_DAYS)
        return both(curves_of_some(SQL("%(slices)s::uuid[]"), condition), of_rows)
    names = columns(("kind", "engine", "currency", "day", "last_exit", "total", "peak", "trough", "fall"))
    return both(scope.cells(names, SQL("fall IS NOT NULL")), of_rows)


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
        _rows(
            statement.format(scope.cells(columns(("n",)), kinds), scope.rows(results_in(scope.loose))), scope.parameters
        )[0]["n"]
    )


def _slices(filters: PerformanceFilters) -> list[UUID] | None:
    """The slices asked for; None where these are all: then the cells of all together hold."""
    if not filters.narrows:
        return None
    statement = SQL("SELECT slice_id, {} AS asked FROM report_slices e").format(filters.conditions())
    found = _rows(statement, asdict(filters))
    asked = [row["slice_id"] for row in found if row["asked"]]
    return asked if len(asked) < len(found) else None


def _answers_in(scope: Scope) -> list[dict[str, Any]]:
    """What became of the experiments, by the split that decided on them."""
    return _rows(
        SQL("""WITH counted AS (
    SELECT policy_version, {names} FROM report_answer_cells WHERE {slices} AND {whole_days}
    UNION ALL SELECT policy_version, {measures} FROM ({rows}) answered GROUP BY policy_version
)
SELECT split_percentage, {sums} FROM counted JOIN policy_versions ON version = policy_version
 GROUP BY split_percentage ORDER BY split_percentage""").format(
            names=columns(ANSWER_COUNTS),
            slices=scope.sliced,
            whole_days=_WHOLE_DAYS,
            measures=named(ANSWER_COUNTS),
            rows=scope.filters.chosen(answers_in(scope.loose)),
            sums=added_up(ANSWER_COUNTS),
        ),
        scope.parameters,
    )


def _total(rows: list[dict[str, Any]], name: str) -> int:
    # No one answers in the kind of own exits.
    return sum(row.get(name, 0) for row in rows)


def _phases_in(scope: Scope) -> list[dict[str, Any]]:
    """The phases of the closed trades, oldest first; one without an engine's answer belongs to those that fit it."""
    statement = SQL(_PHASES).format(
        conditions=scope.filters.conditions(),
        phase=columns(PHASE),
        whole_days=_WHOLE_DAYS,
        experiments=EXPERIMENTS,
        rows=scope.rows(results_in(scope.loose)),
    )
    found = _rows(statement, scope.parameters)
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


def _rows(statement: str | Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
