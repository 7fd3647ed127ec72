"""Closed trades and pairs row by row: a page of them in an order, or all of them a few at a time.

The cells of the report serve as the index. They know how many rows each day has and every P&L among them in order, so
that a page reads the few days that it comes from, whatever the filters, however many rows and however deep it lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from kernel.sql import load
from outcomes.performance.measures import DIMENSIONS
from outcomes.performance.scope import (
    ARCHIVED_EXPERIMENTS,
    EXPERIMENTS,
    WHOLE_DAYS,
    Range,
    Scope,
    both,
    counted,
    pairs_in,
    pairs_of,
    results_in,
    results_of,
    rows_of,
    with_experiments,
)

KINDS = {
    "real": "Real trades", "shadow": "Shadow trades", "own_exit": "Own exits", "paired": "Pairs, one real",
    "unpaired": "Pairs of shadows",
}  # fmt: skip
# What a row is sorted by, and which way.
ORDERS: dict[str, tuple[LiteralString, LiteralString]] = {
    "newest": ("exit_time", "DESC"), "oldest": ("exit_time", "ASC"), "best": ("p", "DESC"), "worst": ("p", "ASC"),
}  # fmt: skip
_RANKED = SQL(load(__file__, "ranked.sql"))
_WHOSE = SQL(load(__file__, "whose.sql"))
_EDGES = SQL(load(__file__, "edges.sql"))
# Every place of some days, and the cells that know whose rows lie at places, or all of these days.
_ALL_OF_DAYS = SQL("""SELECT DISTINCT kind, engine, day, value FROM report_cells CROSS JOIN LATERAL unnest(ranked) value
 WHERE {} AND day = ANY(%(chosen)s::date[])""")
_OF_PLACES = SQL("(kind, engine, day) IN (SELECT kind, engine, day FROM places)")
_OF_DAYS = SQL("kind = %(kind)s AND day = ANY(%(chosen)s::date[])")
_ANY = SQL("true")
_OF_FOUND: LiteralString = "experiment_id = ANY(%(experiments)s)"
NEW_YORK = ZoneInfo("America/New_York")
ROWS_AT_ONCE = 50_000
# Of an experiment's two shadows one may be of a day that is read from the rows.
_ON_WHOLE_DAYS = SQL("""SELECT closed.* FROM ({}) closed
 CROSS JOIN LATERAL (SELECT (exit_time AT TIME ZONE 'America/New_York')::date AS day) ended WHERE {}""")
# As many rows of a day as are no pair or trade that counts are in none of the other counts.
_ROWS = SQL("coalesce(n, 0) + coalesce(unpriced, 0) + coalesce(incomparable, 0)"
            " + CASE kind WHEN 'real' THEN 0 ELSE coalesce(violations, 0) END")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the row with this exit and ID, and in an order of P&L with this P&L."""

    exit_time: datetime
    id: UUID
    pnl: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of one kind within a scope, of one engine unless None: of a pair the one that traded for real."""

    scope: Scope
    kind: str
    engine: str | None = None

    def count(self) -> int:
        """How many rows there are."""
        of_rows = rows_of(
            SQL("SELECT count(*) AS n FROM ({}) r").format(self._rows(self._within(self.scope.loose))),
            self._parameters,
        )
        return sum(rows for _, rows in self._days()) + int(of_rows[0]["n"])

    def page(self, order: str, size: int, after: Place | None = None) -> list[dict[str, Any]]:
        """At most `size` rows in this order, the ones after a place; by P&L those without one are left out."""
        value, way = ORDERS[order]
        names = ("exit_time", "id") if value == "exit_time" else (value, "exit_time", "id")
        further: Composable = SQL("true")
        place: dict[str, Any] = {}
        if after is not None:
            place = {"exit_time": after.exit_time, "id": after.id, "p": after.pnl}
            sign: LiteralString = "<" if way == "DESC" else ">"
            further = SQL("({}) {} ({})").format(
                SQL(", ").join(map(SQL, names)), SQL(sign), SQL(", ").join(map(Placeholder, names))
            )
        begun = None if after is None else after.exit_time.astimezone(NEW_YORK).date()
        cells = self._cells(self.scope.ranked)
        if value == "p":
            start = Decimal("Infinity" if way == "DESC" else "-Infinity") if after is None else after.pnl
            ranked = _RANKED.format(cells=cells, way=SQL(way), size=size, down=way == "DESC")
            facts = self._facts_at(ranked, _OF_PLACES, {"start": start, "begun": begun})
        else:
            days = self._days_in_time(way, size, begun)
            if self.scope.narrowing:
                # Most rows of these days are not asked for.
                facts = self._facts_at(_ALL_OF_DAYS.format(cells), _OF_DAYS, {"chosen": days})
            else:
                ranges = [*self.scope.loose, *((midnight(day), _next(midnight(day))) for day in days)]
                facts = self._within(ranges), {}
        relation, whose = facts
        statement = SQL("""SELECT * FROM ({}) given WHERE {} IS NOT NULL AND {} ORDER BY {} LIMIT {}""").format(
            self._rows(relation),
            SQL(value),
            further,
            SQL(", ").join(SQL(f"{name} {way}") for name in names),
            size,
        )
        return described(rows_of(statement, self._parameters | place | whose))

    def parts(self) -> Iterator[tuple[Composed, dict[str, Any]]]:
        """Statements that read all rows with what their experiments are of, oldest first, some ten thousand each."""
        days = [(midnight(day), rows) for day, rows in self._days()]
        ranges: list[tuple[Range, int]] = [((start, _next(start)), rows) for start, rows in days]
        # How many a loose range has is not known: each is read alone.
        ranges += [(loose, ROWS_AT_ONCE) for loose in self.scope.loose]
        chunk: list[Range] = []
        held = 0
        for bounds, rows in sorted(ranges, key=lambda each: (each[0][0] is not None, each[0][0])):
            if chunk and held + rows > ROWS_AT_ONCE:
                yield self._part(chunk)
                chunk, held = [], 0
            # One range for days that follow each other.
            start = chunk.pop()[0] if chunk and chunk[-1][1] == bounds[0] else bounds[0]
            chunk.append((start, bounds[1]))
            held += rows
        if chunk:
            yield self._part(chunk)

    def _part(self, ranges: Sequence[Range]) -> tuple[Composed, dict[str, Any]]:
        rows = with_experiments(self._rows(self._within(ranges)), _WITH_EXPERIMENT, _ANY)
        return SQL("SELECT * FROM ({}) told ORDER BY exit_time, id").format(rows), self._parameters

    @property
    def is_of_pairs(self) -> bool:
        """Whether each row is two trades."""
        return self.kind in ("paired", "unpaired")

    @property
    def _parameters(self) -> dict[str, Any]:
        return self.scope.parameters | {"kind": self.kind, "engine": self.engine}

    def _facts_at(
        self, places: Composable, cells: Composable, known: dict[str, Any]
    ) -> tuple[Composed, dict[str, Any]]:
        """The rows of whole days at some places (see whose.sql) and those that are read from the rows anyway."""
        statement = _WHOSE.format(places=places, cells=cells, uncounted=cells is _OF_DAYS)
        (whose,) = rows_of(statement, self._parameters | known)
        found = pairs_of(_OF_FOUND) if self.is_of_pairs else results_of(_OF_FOUND)
        return both(self._within(self.scope.loose), _ON_WHOLE_DAYS.format(found, WHOLE_DAYS)), whose

    def _within(self, ranges: Sequence[Range]) -> Composed:
        return pairs_in(ranges) if self.is_of_pairs else results_in(ranges)

    def _rows(self, facts: Composable) -> Composed:
        condition = SQL("kind = %(kind)s AND (%(engine)s::text IS NULL OR engine = %(engine)s)")
        return counted(self.scope.rows(SQL("SELECT * FROM ({}) given WHERE {}").format(facts, condition)))

    def _cells(self, level: str) -> Composed:
        return SQL("""{} AND kind = %(kind)s AND (%(engine)s::text IS NULL OR engine = %(engine)s)
   AND currency = %(currency)s AND {}""").format(self.scope.sliced_by(level), WHOLE_DAYS)

    def _days(self) -> list[tuple[date, int]]:
        """Whole days with rows in them, oldest first, and how many."""
        statement = SQL("""SELECT day, sum({})::int AS rows FROM report_cells WHERE {}
 GROUP BY day ORDER BY day""").format(_ROWS, self._cells(self.scope.level))
        return [(row["day"], row["rows"]) for row in rows_of(statement, self._parameters)]

    def _days_in_time(self, way: str, size: int, begun: date | None) -> list[date]:
        """The days that a page in the order of time comes from: the one begun, and then as many as fill it."""
        days = self._days()
        chosen: list[date] = []
        held = 0
        for day, rows in days if way == "ASC" else reversed(days):
            if begun is not None and (day < begun if way == "ASC" else day > begun):
                continue
            chosen.append(day)
            # Of the day begun nothing may be left.
            held += 0 if day == begun else rows
            if held >= size:
                break
        return chosen


def extremes(scope: Scope, size: int) -> list[dict[str, Any]]:
    """The trades of each engine and the pairs with the best and the worst P&L, with what their experiments are of.

    A row is in the place `best` and in the place `worst`, from 1, among the real and shadow trades of its `whose`, an
    engine, or "" for pairs; whatever is in neither of the first `size` is left out.
    """
    cells = scope.cells(
        SQL("kind, engine, day, ranked"),
        SQL("kind IN ('real', 'shadow', 'paired') AND ranked IS NOT NULL"),
        scope.ranked,
    )
    edges = rows_of(_EDGES.format(cells=cells, size=size), scope.parameters)
    # Pairs take more reading than trades, so each is read on its own days only.
    days: dict[bool, set[date]] = {True: set(), False: set()}
    for edge in edges:
        days[edge["whose"] == ""].update(edge["days"])
    of_trades, of_pairs = (
        [*scope.loose, *((midnight(day), _next(midnight(day))) for day in sorted(days[are_pairs]))]
        for are_pairs in (False, True)
    )
    # One of nobody, lest there be none.
    known: list[Composable] = [SQL("('nobody', 0::numeric, 0::numeric)")]
    known += [
        SQL("({})").format(SQL(", ").join(map(Literal, (edge["whose"], edge["low"], edge["high"])))) for edge in edges
    ]
    # What lies between cannot be among the first; few are left to look up.
    outside = SQL("""SELECT given.* FROM ({}) given
  LEFT JOIN (VALUES {}) edges (whose, low, high) ON whose = CASE kind WHEN 'paired' THEN '' ELSE engine END
 WHERE kind IN ('real', 'shadow', 'paired')
   AND (pnl >= coalesce(high, '-Infinity') OR pnl <= coalesce(low, 'Infinity'))""").format(
        both(results_in(of_trades), pairs_in(of_pairs)),
        SQL(", ").join(known),
    )
    statement = SQL("""SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY whose ORDER BY p DESC, exit_time, id) AS best,
           row_number() OVER (PARTITION BY whose ORDER BY p, exit_time, id) AS worst
      FROM (SELECT *, CASE kind WHEN 'paired' THEN '' ELSE engine END AS whose
              FROM ({}) given WHERE p IS NOT NULL) named
) placed WHERE {} >= least(best, worst)""").format(counted(scope.rows(outside)), size)
    return described(rows_of(statement, scope.parameters))


def described(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row with what its experiment is of; with nothing where somebody has deleted it from the database."""
    ids = {"ids": [row["experiment_id"] for row in rows]}
    found = rows_of(_EXPERIMENTS_OF, ids)
    known = {row["experiment_id"]: row for row in found}
    return [row | known.get(row["experiment_id"], _DELETED) for row in rows]


_OF_EXPERIMENT = (
    "symbol", "timeframe", "direction", "strategy", "source", "replayed", "execution_mode", "policy_version", "variant",
    "created_at",
)  # fmt: skip
# Of an experiment that is gone, or its signal, nobody knows; the row itself is still there.
_DELETED = dict.fromkeys(_OF_EXPERIMENT)
_EXPERIMENTS_OF: Composable = SQL(" UNION ALL ").join(
    SQL("SELECT experiment_id, {} FROM ({}) e WHERE experiment_id = ANY(%(ids)s::uuid[])").format(
        SQL(", ").join(map(Identifier, _OF_EXPERIMENT)), experiments
    )
    for experiments in (EXPERIMENTS, ARCHIVED_EXPERIMENTS)
)
# What both relations have is there once.
_WITH_EXPERIMENT = SQL("given.*, {}").format(
    SQL(", ").join(
        SQL("e.{}").format(Identifier(name)) for name in ("created_at", "split_percentage", "replayed", *DIMENSIONS)
    )
)


def midnight(day: date) -> datetime:
    """When a day of the cells begins."""
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)


def _next(moment: datetime) -> datetime:
    # By the calendar, whatever the clocks do that night.
    return midnight(moment.date() + timedelta(days=1))
