"""What the comparison draws of the pairs: what they brought slot by slot and slice by slice, and the spreads of trades.

Like the report it adds the sums of whole days to the rows of the days whose sums do not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from psycopg.sql import SQL, Composed, Identifier, Literal

from kernel.sql import load
from outcomes.core.statistics import Differences
from outcomes.performance.measures import FULL, GROUP_SUMS, MEASURES
from outcomes.performance.scope import (
    WHOLE_DAYS,
    Range,
    Scope,
    added_up,
    both,
    columns,
    counted,
    grouped,
    measured,
    named,
    pairs_in,
    results_in,
    rows_of,
)

# What is added up of pairs: their number, A - B, its square, what A made; in the report's currency, or in R.
IN_MONEY = ("n", "total", "total_2", "total_a")
IN_R = ("at_risk", "total_r", "total_r_2", "total_a_r")
# Over so few days a point a day is no course: then the rows are read, by slots of some minutes.
FEW_DAYS = 3
MOST_SLOTS = 400
DAY = timedelta(days=1)
MINUTES = (1, 5, 15, 60)
# Trades of a period of which a part is read for the spreads at their entry; a fifth of a second.
MOST_READ = 20_000
GROUP_COLUMNS = ("kind", "engine", "field", "value", *GROUP_SUMS)
_COUNT = SQL("""SELECT coalesce(sum(n), 0) AS n FROM report_cells
 WHERE slice_id IS NULL AND kind IN ('real', 'shadow') AND currency = %(currency)s AND {}""")
_BY_SLICES = SQL(load(__file__, "groups_of_slices.sql"))


@dataclass(frozen=True, slots=True)
class Sums:
    """Pairs added up: amounts in the report's currency or in R; `n` are those that have such an amount."""

    n: int
    difference: Decimal
    squares: Decimal
    of_a: Decimal = Decimal(0)

    @property
    def of_b(self) -> Decimal:
        """What B earned in them."""
        return self.of_a - self.difference

    @property
    def statistics(self) -> Differences:
        """Their mean and standard deviation."""
        return Differences.of_sums(self.n, self.difference, self.squares)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.n + other.n, self.difference + other.difference, self.squares + other.squares, self.of_a + other.of_a
        )


NOTHING = Sums(0, Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Slot:
    """What the pairs of a stretch of time came to, by their later exit."""

    day: date  # in New York
    start: str  # the day, or within few days the first minute, New York
    difference: Decimal
    of_a: Decimal


def totals(scope: Scope, kind: str = "paired", *, in_r: bool) -> dict[str, Sums]:
    """Pairs of a real and a shadow trade, by the engine that traded for real, and under "" all of them.

    Of the kind `own_pair`, whose shadow has left by its own rules, `of_a` is the difference if it had not.
    """
    names = IN_R if in_r else IN_MONEY
    statement = SQL("SELECT engine, {} FROM ({}) days WHERE kind = %(kind)s GROUP BY engine").format(
        added_up(names), _days(scope, names)
    )
    found = {
        row["engine"]: Sums(*(row[name] for name in names))
        for row in rows_of(statement, scope.parameters | {"kind": kind})
    }
    by_engine = {engine: found.get(engine, NOTHING) for engine in ("A", "B")}
    return by_engine | {"": by_engine["A"] + by_engine["B"]}


def course_of_pairs(scope: Scope, *, in_r: bool) -> list[Slot]:
    """Pairs of a real and a shadow trade, oldest first: by day, or over few days by slots of some minutes."""
    names = IN_R if in_r else IN_MONEY
    n, total, _, total_a = names
    statement = SQL("""SELECT day, day::text AS start, {} FROM ({}) days
 WHERE kind = %(kind)s GROUP BY day HAVING sum({}) > 0 ORDER BY day""").format(
        added_up((total, total_a)), _days(scope, names), Identifier(n)
    )
    rows = rows_of(statement, scope.parameters | {"kind": "paired"})
    span = rows[-1]["day"] - rows[0]["day"] + DAY if rows else None
    if span is not None and span <= FEW_DAYS * DAY:
        step = next((one for one in MINUTES if span / timedelta(minutes=one) <= MOST_SLOTS), MINUTES[-1])
        rows = _read_minutes(scope, step, names)
    return [Slot(row["day"], row["start"], row[total], row[total_a]) for row in rows]


def _days(scope: Scope, names: Sequence[str]) -> Composed:
    """Sums of pairs by kind, engine and day: of whole days, and of the rows beside them."""
    named_columns = columns(("kind", "engine", "day", *names))
    loose = SQL("SELECT {} FROM ({}) loose").format(named_columns, measured(scope.rows(pairs_in(scope.loose))))
    return both(scope.cells(named_columns, SQL("kind = %(kind)s")), loose)


def _read_minutes(scope: Scope, step: int, names: Sequence[str]) -> list[dict[str, Any]]:
    period = [(scope.filters.since, scope.filters.until)]
    statement = SQL("""SELECT min(day) AS day, {sums},
       to_char(date_bin({step}, exit_time AT TIME ZONE 'America/New_York', '2000-01-01'), 'YYYY-MM-DD HH24:MI') AS start
  FROM ({counted}) pairs WHERE kind = 'paired' GROUP BY start HAVING {n} > 0 ORDER BY start""").format(
        sums=named({name: MEASURES[name] for name in names}),
        n=SQL(MEASURES[names[0]]),
        step=Literal(timedelta(minutes=step)),
        counted=counted(scope.rows(pairs_in(period))),
    )
    return rows_of(statement, scope.parameters)


@dataclass(frozen=True, slots=True)
class Group:
    """Pairs that have something in common; or one engine's real or shadow trades, by the spread at their entry."""

    kind: str
    engine: str
    field: str
    value: str
    sums: Sums  # `of_a` is 0


def groups(scope: Scope, *, in_r: bool) -> list[Group]:
    """The groups of groups.sql, by field and value.

    Sums by spread are kept of all experiments together. Of some slices alone they are read from the rows, unless the
    period has more than `MOST_READ` trades: then there are none.
    """
    names = IN_R[:3] if in_r else IN_MONEY[:3]
    if not scope.narrowing:
        relation = _grouped(scope, scope.loose) + SQL(
            " UNION ALL SELECT {} FROM report_group_cells WHERE {} AND {}"
        ).format(columns(GROUP_COLUMNS), SQL("currency = %(currency)s"), WHOLE_DAYS)
    else:
        relation = _BY_SLICES.format(
            sums=added_up(GROUP_SUMS), names=columns(GROUP_SUMS), grouped=_grouped(scope, scope.loose),
            cells=scope.cells(columns(("slice_id", *GROUP_SUMS)), SQL("kind = 'paired'"), FULL),
        )  # fmt: skip
        if rows_of(_COUNT.format(WHOLE_DAYS), scope.parameters)[0]["n"] <= MOST_READ:
            period = _grouped(scope, [(scope.filters.since, scope.filters.until)])
            relation += SQL(" UNION ALL SELECT * FROM ({}) whole WHERE field = 'spread'").format(period)
    statement = SQL("""SELECT kind, engine, field, value, {} FROM ({}) groups
 GROUP BY kind, engine, field, value HAVING sum(n) > 0 ORDER BY field, value, kind, engine""").format(
        added_up(names), relation
    )
    return [
        Group(row["kind"], row["engine"], row["field"], row["value"], Sums(*(row[name] for name in names)))
        for row in rows_of(statement, scope.parameters)
    ]


def _grouped(scope: Scope, ranges: Sequence[Range]) -> Composed:
    rows = grouped(scope.rows(both(results_in(ranges), pairs_in(ranges))), SQL("NULL::date"))
    return SQL("SELECT {} FROM ({}) grouped").format(columns(GROUP_COLUMNS), rows)
