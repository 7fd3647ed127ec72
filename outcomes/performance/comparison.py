"""What the comparison draws of the pairs: what they brought slot by slot, and the best and worst of them.

Like the report it adds the sums of whole days to the rows of the days whose sums do not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from psycopg.sql import SQL, Literal

from outcomes.core.statistics import Differences
from outcomes.performance.listing import Listing
from outcomes.performance.measures import MEASURES
from outcomes.performance.scope import Scope, added_up, both, columns, counted, measured, named, pairs_in, rows_of

# Of a pair these; the others do not depend on time.
COURSE = ("n", "total", "total_2", "total_a", "at_risk", "total_r", "total_r_2", "total_a_r")
# Over so few days a point a day is no course: then the rows are read, by slots of some minutes.
FEW_DAYS = 3
MOST_SLOTS = 400
DAY = timedelta(days=1)
MINUTES = (1, 5, 15, 60)


@dataclass(frozen=True, slots=True)
class Sums:
    """Pairs added up: amounts in the report's currency or in R; `n` are those that have such an amount."""

    n: int
    difference: Decimal
    squares: Decimal
    of_a: Decimal

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
    """The pairs whose later exit is in a stretch of time, by the engine that traded for real."""

    day: date  # in New York
    start: str  # the day, or within few days the first minute, New York
    engine: str
    money: Sums
    in_r: Sums

    def sums(self, *, in_r: bool) -> Sums:
        """Its sums in one unit."""
        return self.in_r if in_r else self.money


def course_of_pairs(scope: Scope) -> list[Slot]:
    """Pairs of a real and a shadow trade, oldest first: by day, or over few days by slots of some minutes."""
    by_day = _read_days(scope)
    days = {slot.day for slot in by_day}
    if not days or max(days) - min(days) >= FEW_DAYS * DAY:
        return by_day
    span = (max(days) - min(days) + DAY) / timedelta(minutes=1)
    step = next((minutes for minutes in MINUTES if span / minutes <= MOST_SLOTS), MINUTES[-1])
    return _read_minutes(scope, step)


def _read_days(scope: Scope) -> list[Slot]:
    statement = SQL("""SELECT day, day::text AS start, engine, {} FROM ({}) days
 WHERE kind = 'paired' GROUP BY day, engine HAVING sum(n) > 0 ORDER BY day, engine""").format(
        added_up(COURSE),
        both(
            scope.cells(columns(("kind", "engine", "day", *COURSE)), SQL("kind = 'paired'")),
            SQL("SELECT kind, engine, day, {} FROM ({}) loose").format(
                columns(COURSE), measured(scope.rows(pairs_in(scope.loose)))
            ),
        ),
    )
    return [_slot(row) for row in rows_of(statement, scope.parameters)]


def _read_minutes(scope: Scope, step: int) -> list[Slot]:
    period = [(scope.filters.since, scope.filters.until)]
    statement = SQL("""SELECT day, engine, {sums},
       to_char(date_bin({step}, exit_time AT TIME ZONE 'America/New_York', '2000-01-01'), 'YYYY-MM-DD HH24:MI') AS start
  FROM ({counted}) pairs WHERE kind = 'paired'
 GROUP BY start, day, engine HAVING count(p) > 0 ORDER BY start, engine""").format(
        sums=named({name: MEASURES[name] for name in COURSE}),
        step=Literal(timedelta(minutes=step)),
        counted=counted(scope.rows(pairs_in(period))),
    )
    return [_slot(row) for row in rows_of(statement, scope.parameters)]


def _slot(row: dict[str, Any]) -> Slot:
    def sums(*names: str) -> Sums:
        n, *amounts = (row[name] for name in names)
        # What was never added up is NULL.
        return Sums(n, *(Decimal(0) if amount is None else amount for amount in amounts))

    return Slot(
        row["day"], row["start"], row["engine"], sums("n", "total", "total_2", "total_a"),
        sums("at_risk", "total_r", "total_r_2", "total_a_r"),
    )  # fmt: skip


def extreme_pairs(scope: Scope, size: int) -> dict[str, list[dict[str, Any]]]:
    """The pairs with the largest and with the smallest difference, the most extreme first."""
    listing = Listing(scope, "paired")
    return {order: listing.page(order, size) for order in ("best", "worst")}


def extreme_trades(scope: Scope, engine: str, size: int) -> dict[str, list[dict[str, Any]]]:
    """The best and the worst trades of one engine, real and shadow in one list, each named as what it is."""
    found = {}
    for order, sign in (("best", -1), ("worst", 1)):
        rows = [row for kind in ("real", "shadow") for row in Listing(scope, kind, engine).page(order, size)]
        found[order] = sorted(rows, key=lambda row: (sign * row["p"], row["exit_time"], row["id"]))[:size]
    return found
