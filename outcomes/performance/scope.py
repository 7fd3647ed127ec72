"""What a report reads: its filters and moment, the sums kept by day, and the rows of days whose sums do not hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, LiteralString, Self

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from kernel.sql import load
from kernel.values import format_timestamp
from outcomes.performance.measures import (
    ANSWER_COUNTS,
    BIN_EDGES,
    BROAD,
    DIMENSIONS,
    FILTERS,
    FULL,
    GROUP_SUMS,
    LEVELS,
    MANY_VALUED,
    MEASURES,
    SUMS,
)

EXPERIMENTS = SQL(load(__file__, "experiments.sql"))
# The same columns of what is archived.
ARCHIVED_EXPERIMENTS = SQL("SELECT {}, NULL::boolean AS replayed FROM archived_experiments").format(
    SQL(", ").join(Identifier(name) for name in ("experiment_id", "created_at", "split_percentage", *DIMENSIONS))
)
_RESULTS = SQL(load(__file__, "results.sql"))
_PAIRS = SQL(load(__file__, "pairs.sql"))
_ANSWERS = SQL(load(__file__, "answers.sql"))
_CURVES = SQL(load(__file__, "curves.sql"))
_SLICE_CURVES = SQL(load(__file__, "slice_curves.sql"))
_GROUPS = SQL(load(__file__, "groups.sql"))
SPREAD = SQL(load(__file__, "spread.sql"))
_NEW_SLICES = SQL(load(__file__, "slices.sql"))
_CELLS = SQL(load(__file__, "cells.sql"))
_ANSWER_CELLS = SQL(load(__file__, "answer_cells.sql"))
# One at a time: two that add up the same days would each write their sums.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('report cells'))"
_TAKE_MARKS = "DELETE FROM report_marks WHERE day = %(day)s"
_FORGET = """
DELETE FROM report_months WHERE day = date_trunc('month', %(day)s::date)::date;
DELETE FROM report_cells WHERE day = %(day)s;
DELETE FROM report_answer_cells WHERE day = %(day)s;
DELETE FROM report_group_cells WHERE day = %(day)s
"""
_MIDNIGHTS = """
SELECT %(day)s::timestamp AT TIME ZONE 'America/New_York',
       (%(day)s::date + 1)::timestamp AT TIME ZONE 'America/New_York'
"""
UNTOLD = {"policy_version": SQL("NULL"), "hour": SQL("NULL")}
# Moments or days from the first on, before the second; None is no bound.
Range = tuple[date | None, date | None]


def rebuild_day(day: date) -> None:
    """Make the cells of one day anew, and take its marks away."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK)
        # The marks first: a change whose mark is not seen here may be missing in the cells, and its mark stays.
        cursor.execute(_TAKE_MARKS, {"day": day})
        cursor.execute(_FORGET, {"day": day})
        cursor.execute(_MIDNIGHTS, {"day": day})
        ranges = [cursor.fetchone()]
        cursor.execute(_insert_slices(ranges))
        cursor.execute(_insert_cells(ranges))
        cursor.execute(_insert_answer_cells(ranges))
        results = both(results_in(ranges), pairs_in(ranges))
        statement = SQL("INSERT INTO report_group_cells (kind, engine, day, currency, field, value, {}) {}")
        cursor.execute(statement.format(columns(GROUP_SUMS), grouped(results, SQL("day"))))


def results_in(ranges: Sequence[Range]) -> Composed:
    """Closed trades with an exit in these ranges (see results.sql)."""
    return _RESULTS.format(o=within("o.exit_time", ranges), x=within("x.exit_time", ranges))


def pairs_in(ranges: Sequence[Range]) -> Composed:
    """Pairs with their later exit in these ranges, and once more with the shadow's own exit in them (see pairs.sql)."""
    return _PAIRS.format(**{name: within(f"{name}.exit_time", ranges) for name in "rsabx"})


def answers_in(ranges: Sequence[Range]) -> Composed:
    """Experiments created in these ranges, and what became of their answers (see answers.sql)."""
    return _ANSWERS.format(e=within("e.created_at", ranges))


def facts_of(condition: LiteralString) -> tuple[Composed, Composed]:
    """The closed trades and pairs, and the answers, of experiments by a condition on `experiment_id`."""
    return both(results_of(condition), pairs_of(condition)), _ANSWERS.format(e=SQL(f"e.{condition}"))


def results_of(condition: LiteralString) -> Composed:
    """The closed trades of experiments by a condition on `experiment_id`."""
    return _RESULTS.format(**{name: SQL(f"{name}.{condition}") for name in "ox"})


def pairs_of(condition: LiteralString) -> Composed:
    """The pairs of experiments by a condition on `experiment_id`."""
    return _PAIRS.format(**{name: SQL(f"{name}.{condition}") for name in "rsabx"})


def with_experiments(rows: Composable, what: Composable, condition: Composable) -> Composed:
    """Columns of the rows of a relation, `given`, with the experiment `e` of each, archived or not."""
    # Each kind is joined by itself: of both together the planner would read all, to find few.
    joined = [
        SQL("SELECT {} FROM given JOIN ({}) e USING (experiment_id) WHERE {}").format(what, experiments, condition)
        for experiments in (EXPERIMENTS, ARCHIVED_EXPERIMENTS)
    ]
    return SQL("WITH given AS MATERIALIZED ({}) {}").format(rows, SQL(" UNION ALL ").join(joined))


def within(moment: LiteralString, ranges: Sequence[Range]) -> Composed:
    """What lies in any of these ranges."""
    # Literals and no join: the planner knows from its statistics how few rows a day has. As text, because a statement
    # names them once for each of its parts.
    each = [
        SQL(" AND ")
        .join(
            SQL("{} {} {}").format(SQL(moment), SQL(comparison), Literal(bound))
            for comparison, bound in ((">=", since), ("<", until))
            if bound is not None
        )
        .as_string()
        for since, until in ranges
    ]
    return Composed([SQL(f"({' OR '.join(one or 'true' for one in each)})" if each else "false")])


def counted(results: Composable) -> Composed:
    """Closed trades or pairs with what `MEASURES` adds up, and the day of the exit in New York."""
    edges = SQL(", ".join(BIN_EDGES))
    return SQL(
        "SELECT *, (exit_time AT TIME ZONE 'America/New_York')::date AS day,"
        " CASE WHEN NOT left_out THEN pnl END AS p, CASE WHEN NOT left_out THEN r END AS counted_r,"
        " CASE WHEN NOT left_out AND kind IN ('paired', 'unpaired')"
        " THEN width_bucket(r, ARRAY[{edges}]::numeric[]) END AS bin FROM ({results}) results"
    ).format(edges=edges, results=results)


def measured(results: Composable) -> Composed:
    """Closed trades or pairs added up by kind, engine and day."""
    return SQL("SELECT kind, engine, day, {sums} FROM ({counted}) counted GROUP BY kind, engine, day").format(
        sums=named(MEASURES), counted=counted(results)
    )


def grouped(results: Composable, day: Composable) -> Composed:
    """Closed trades and pairs added up by what a group of them has in common (see groups.sql)."""
    return _GROUPS.format(
        counted=counted(results),
        spread=SPREAD,
        day=day,
        measures=named({name: MEASURES[name] for name in GROUP_SUMS}),
        sums=added_up(GROUP_SUMS),
        names=columns(GROUP_SUMS),
    )


def curves(results: Composable, by: LiteralString = "") -> Composed:
    """The course of the cumulative P&L within each day (see curves.sql)."""
    return _CURVES.format(results=results, by=SQL(by))


def curves_of_some(cells: Composable, slices: Composable) -> Composed:
    """The same of whole days, of the trades of some full slices among those that cells keep (see slice_curves.sql)."""
    return _SLICE_CURVES.format(cells=cells, slices=slices)


def both(first: Composable, second: Composable) -> Composed:
    """The rows of two relations of one shape."""
    return SQL("({}) UNION ALL ({})").format(first, second)


def columns(names: Iterable[str]) -> Composed:
    """Column names, joined by commas."""
    return SQL(", ").join(Identifier(name) for name in names)


def added_up(measures: Iterable[str]) -> Composed:
    """Each column's sum over cells under its own name, 0 where they hold nothing; counts are whole."""
    return SQL(", ").join(
        SQL("coalesce(sum({0}), 0){1} AS {0}").format(Identifier(name), SQL("" if name in SUMS else "::bigint"))
        for name in measures
    )


def named(measures: Mapping[str, LiteralString]) -> Composed:
    """Each measure under its name."""
    return SQL(", ").join(SQL("{} AS {}").format(SQL(sql), Identifier(name)) for name, sql in measures.items())


def _filled(names: Iterable[str]) -> Composed:
    # NULL takes no space, and most of the numbers are 0.
    return SQL(", ").join(SQL("nullif(cells.{}, 0)").format(Identifier(name)) for name in names)


def _memberships() -> Composed:
    """The rows of `sliced`, once for each level with what it tells experiments apart by, and the hash of that slice."""
    levels = [
        SQL("SELECT experiment_id, {} AS level, {} FROM sliced").format(
            Literal(level),
            SQL(", ").join(SQL("{} AS {}").format(Identifier(name) if name in told else UNTOLD.get(name, SQL("''")),
                                                  Identifier(name)) for name in DIMENSIONS),
        )
        for level, told in LEVELS.items()
    ]  # fmt: skip
    return SQL("SELECT *, md5(jsonb_build_array(level, {})::text)::uuid AS hash FROM ({}) levels").format(
        columns(DIMENSIONS), SQL(" UNION ALL ").join(levels)
    )


def _shared() -> dict[str, Any]:
    return {"experiments": EXPERIMENTS, "dimensions": columns(DIMENSIONS), "memberships": _memberships()}


def _insert_slices(ranges: Sequence[Range]) -> Composed:
    ids = SQL("SELECT experiment_id FROM ({}) results UNION SELECT experiment_id FROM ({}) pairs"
              " UNION SELECT experiment_id FROM ({}) answers")  # fmt: skip
    return _NEW_SLICES.format(**_shared(), ids=ids.format(results_in(ranges), pairs_in(ranges), answers_in(ranges)))


def _insert_cells(ranges: Sequence[Range]) -> Composed:
    closed = SQL("SELECT * FROM closed")
    return _CELLS.format(
        **_shared(),
        results=both(results_in(ranges), pairs_in(ranges)),
        counted=counted(closed),
        curves=curves(
            SQL("""SELECT closed.*, slice_id FROM closed JOIN members USING (experiment_id)
 WHERE kind IN ('real', 'shadow', 'own_exit') AND (level IS NULL OR level NOT IN ('broad', 'full'))"""),
            by="slice_id, ",
        ),
        many=Literal(list(MANY_VALUED)),
        measures=named(MEASURES),
        names=columns(MEASURES),
        filled=_filled(MEASURES),
    )


def _insert_answer_cells(ranges: Sequence[Range]) -> Composed:
    return _ANSWER_CELLS.format(
        **_shared(),
        answers=answers_in(ranges),
        measures=named(ANSWER_COUNTS),
        names=columns(ANSWER_COUNTS),
        filled=_filled(ANSWER_COUNTS),
    )


_SCOPE = load(__file__, "scope.sql")
# The days whose cells count: whole ones of the period that are not read from the rows.
WHOLE_DAYS = SQL("""day <> ALL(%(days)s::date[])
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
    hour: int | None = None
    provenance: str | None = None
    currency: str | None = None

    def document(self) -> dict[str, Any]:
        """The filters as shown in the report; times as RFC 3339 UTC."""
        return {
            name: format_timestamp(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }

    @property
    def asked(self) -> list[str]:
        """By what it asks for some of the experiments only, whatever the period."""
        return [name for name in FILTERS if getattr(self, name) is not None]

    def conditions(self, names: Sequence[str] | None = None) -> Composed:
        """What a slice or an experiment `e` has to be, by these filters or all; only our names get into a statement."""
        asked = self.asked if names is None else names
        return SQL(" AND ").join(
            [SQL("true"), *(SQL("e.{} = {}").format(Identifier(name), SQL(f"%({name})s")) for name in asked)]
        )

    def chosen(self, rows: Composable) -> Composed:
        """Those of a relation's rows whose experiment is asked for."""
        if not self.asked:
            return Composed([rows])
        return with_experiments(rows, SQL("given.*"), self.conditions())


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report reads: its filters with the currency in them, and what is read from the rows (see scope.sql)."""

    filters: PerformanceFilters
    now: datetime
    currencies: list[str]
    narrowing: list[str]  # filters that some of the slices do not meet
    slices: dict[str, list[int]]  # those asked for, by level; none where all are
    loose_days: list[date]
    loose: list[Range]
    months: list[date]  # first days of those whose sums hold, all within the period

    @classmethod
    def of(cls, filters: PerformanceFilters) -> Self:
        """As of now, in the snapshot of the transaction."""
        row = rows_of(_SCOPE, asdict(filters))[0]
        in_one_currency = replace(filters, currency=filters.currency or row["currency"])
        # One range for days that follow each other.
        starts, ends = set(row["starts"]), set(row["ends"])
        loose = zip(sorted(starts - ends), sorted(ends - starts), strict=True)
        scope = cls(in_one_currency, row["now"], row["currencies"], [], {}, row["days"], list(loose), row["months"])
        return scope.over(in_one_currency)

    def over(self, filters: PerformanceFilters) -> Self:
        """The same moment and period for other filters."""
        scope = replace(self, filters=filters, narrowing=_narrowing(filters))
        return replace(scope, slices=_slices(scope) if scope.narrowing else {})

    @property
    def detail(self) -> str:
        """The coarsest level of slices that knows everything it asks for, and the phase."""
        return FULL if set(MANY_VALUED) & set(self.narrowing) else BROAD

    @property
    def level(self) -> str:
        """The level of slices whose sums are the fewest."""
        return self.narrowing[0] if len(self.narrowing) == 1 else self.detail

    @property
    def ranked(self) -> str:
        """The coarsest level that keeps every P&L of what it asks for."""
        return self.level if self.level in MANY_VALUED else self.detail

    @property
    def kept(self) -> str:
        """The filter whose level keeps the fewest trades with all that are asked for; "" for those of all together."""
        return next((name for name in MANY_VALUED if name in self.narrowing), "")

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements ask for by name."""
        slices = {f"slices_{level}": found for level, found in self.slices.items()}
        return asdict(self.filters) | {"days": self.loose_days, "months": self.months, "detail": self.detail} | slices

    @property
    def sliced(self) -> SQL:
        """The condition on the cells that are summed: those of the slices asked for, or of all together."""
        return self.sliced_by(self.level)

    def sliced_by(self, level: str) -> SQL:
        """The same of the cells of another of its levels; "" is that of all together."""
        return SQL(f"slice_id = ANY(%(slices_{level})s::int[])" if self.narrowing and level else "slice_id IS NULL")

    def rows(self, results: Composable) -> Composed:
        """Those of closed trades or pairs that the filters choose."""
        in_currency = SQL("SELECT * FROM ({}) results WHERE currency = %(currency)s").format(results)
        return self.filters.chosen(in_currency)

    def cells(self, names: Composable, condition: Composable, level: str | None = None) -> Composed:
        """Sums of whole days, of those that the filters choose; by the slices of a level, or by the fewest."""
        return SQL("SELECT {} FROM report_cells WHERE {} AND currency = %(currency)s AND {} AND {}").format(
            names, self.sliced_by(self.level if level is None else level), WHOLE_DAYS, condition
        )


def _narrowing(filters: PerformanceFilters) -> list[str]:
    """Filters that some of the slices do not meet: what all meet needs no slices."""
    if not filters.asked:
        return []
    met = SQL(" ").join(
        SQL("WHEN {} THEN {}").format(Literal(name), filters.conditions([name])) for name in filters.asked
    )
    statement = SQL("""SELECT level FROM report_slices e WHERE level = ANY(%(asked)s)
 GROUP BY level HAVING NOT bool_and(CASE level {} END)""").format(met)
    found = {row["level"] for row in rows_of(statement, asdict(filters) | {"asked": filters.asked})}
    return [name for name in filters.asked if name in found]


def _slices(scope: Scope) -> dict[str, list[int]]:
    """The slices asked for, by level."""
    told = dict.fromkeys((scope.level, scope.detail, FULL), scope.narrowing)
    if scope.kept:
        told.setdefault(scope.kept, [scope.kept])
    asked = SQL(" OR ").join(
        SQL("(level = {} AND {})").format(Literal(level), scope.filters.conditions(names))
        for level, names in told.items()
    )
    statement = SQL("SELECT level, array_agg(slice_id) AS found FROM report_slices e WHERE {} GROUP BY level")
    found = {row["level"]: row["found"] for row in rows_of(statement.format(asked), asdict(scope.filters))}
    return {level: found.get(level, []) for level in told}


def rows_of(statement: str | Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """What a statement answers, row by row, by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
