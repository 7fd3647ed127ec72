"""Closed trades and pairs row by row: a page of them in an order, or all of them a few at a time.

The cells of the report serve as the index. They know how many rows each day has and the least and the greatest of them,
so that a page reads the few days it comes from, whatever the filters are and however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.sql import SQL, Composable, Composed

from outcomes.performance.scope import EXPERIMENTS, WHOLE_DAYS, Range, Scope, counted, pairs_in, results_in, rows_of

KINDS = {
    "real": "Real trades", "shadow": "Shadow trades", "own_exit": "Own exits", "paired": "Pairs, one real",
    "unpaired": "Pairs of shadows",
}  # fmt: skip
# What a row is sorted by and which way, and by what of its cell a day comes in that order.
ORDERS: dict[str, tuple[LiteralString, LiteralString, LiteralString]] = {
    "newest": ("exit_time", "DESC", "max(day)"),
    "oldest": ("exit_time", "ASC", "min(day)"),
    "best": ("p", "DESC", "max(highest)"),
    "worst": ("p", "ASC", "min(lowest)"),
}
NEW_YORK = ZoneInfo("America/New_York")
ROWS_AT_ONCE = 5_000
# As many rows of a day as are no pair or trade that counts are in none of the other counts.
_ROWS = SQL("coalesce(n, 0) + coalesce(unpriced, 0) + coalesce(incomparable, 0)"
            " + CASE kind WHEN 'real' THEN 0 ELSE coalesce(violations, 0) END")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the row with this value of the order and this ID."""

    value: datetime | Decimal
    id: UUID


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of one kind within a scope, of one engine unless None: of a pair the one that traded for real."""

    scope: Scope
    kind: str
    engine: str | None = None

    def count(self) -> int:
        """How many rows there are."""
        of_rows = rows_of(
            SQL("SELECT count(*) AS n FROM ({}) r").format(self._rows(self.scope.loose)), self._parameters
        )
        return sum(rows for _, rows, _ in self._days("newest")) + int(of_rows[0]["n"])

    def page(self, order: str, size: int, after: Place | None = None) -> list[dict[str, Any]]:
        """At most `size` rows in this order, the ones after a place; by P&L those without one are left out."""
        value, way, _ = ORDERS[order]
        further = SQL("true")
        if after is not None:
            sign: LiteralString = "<" if way == "DESC" else ">"
            further = SQL(f"({value}, id) {sign} (%(after)s, %(after_id)s)")
        statement = SQL("""SELECT * FROM ({}) given WHERE {} IS NOT NULL AND {} ORDER BY {} LIMIT {}""").format(
            self._rows([*self.scope.loose, *self._ranges(order, size, after)]), SQL(value), further,
            SQL(f"{value} {way}, id {way}"), size,
        )  # fmt: skip
        place = {} if after is None else {"after": after.value, "after_id": after.id}
        return self._described(rows_of(statement, self._parameters | place))

    def all(self) -> Iterator[list[dict[str, Any]]]:
        """All rows, oldest first, some thousands at a time; use it within one snapshot."""
        days = [(midnight(day), rows) for day, rows, _ in self._days("oldest")]
        ranges: list[tuple[Range, int]] = [((start, _next(start)), rows) for start, rows in days]
        # How many a loose range has is not known: each is read alone.
        ranges += [(loose, ROWS_AT_ONCE) for loose in self.scope.loose]
        chunk: list[Range] = []
        held = 0
        for bounds, rows in sorted(ranges, key=lambda each: (each[0][0] is not None, each[0][0])):
            if chunk and held + rows > ROWS_AT_ONCE:
                yield self._within(chunk)
                chunk, held = [], 0
            chunk.append(bounds)
            held += rows
        if chunk:
            yield self._within(chunk)

    def _within(self, ranges: Sequence[Range]) -> list[dict[str, Any]]:
        statement = SQL("SELECT * FROM ({}) given ORDER BY exit_time, id").format(self._rows(ranges))
        return self._described(rows_of(statement, self._parameters))

    @property
    def _parameters(self) -> dict[str, Any]:
        return self.scope.parameters | {"kind": self.kind, "engine": self.engine}

    def _rows(self, ranges: Sequence[Range]) -> Composed:
        of_kind = pairs_in(ranges) if self.kind in ("paired", "unpaired") else results_in(ranges)
        condition = SQL("kind = %(kind)s AND (%(engine)s::text IS NULL OR engine = %(engine)s)")
        return SQL("SELECT * FROM ({}) r WHERE {}").format(counted(self.scope.rows(of_kind)), condition)

    def _days(self, order: str) -> list[tuple[date, int, Any]]:
        """Whole days with rows in them, in this order: day, how many rows, the least or greatest of them."""
        _, way, edge = ORDERS[order]
        statement = SQL("""SELECT day, sum({rows})::int AS rows, {edge} AS edge FROM report_cells
 WHERE {sliced} AND kind = %(kind)s AND (%(engine)s::text IS NULL OR engine = %(engine)s) AND currency = %(currency)s
   AND {whole_days} GROUP BY day HAVING {edge} IS NOT NULL ORDER BY edge {way}""").format(
            rows=_ROWS, edge=SQL(edge), sliced=self.scope.sliced, whole_days=WHOLE_DAYS, way=SQL(way)
        )
        return [(row["day"], row["rows"], row["edge"]) for row in rows_of(statement, self._parameters)]

    def _ranges(self, order: str, size: int, after: Place | None) -> list[Range]:
        """The days that a page can come from: those begun before it, and then as many as fill it."""
        by_time = order in ("newest", "oldest")
        begun: Any = None
        if after is not None:
            begun = after.value.astimezone(NEW_YORK).date() if isinstance(after.value, datetime) else after.value
        is_upward = ORDERS[order][1] == "ASC"
        chosen: list[date] = []
        held = 0
        for day, rows, edge in self._days(order):
            is_begun = begun is not None and (edge <= begun if is_upward else edge >= begun)
            # Of days passed by in the order of time nothing is left.
            if is_begun and by_time and edge != begun:
                continue
            chosen.append(day)
            # By P&L each further day is sure of one row only.
            held += 0 if is_begun else rows if by_time else 1
            if held >= size:
                break
        return [(midnight(day), _next(midnight(day))) for day in chosen]

    def _described(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each row with what its experiment is of."""
        ids = {"ids": [row["experiment_id"] for row in rows]}
        found = rows_of(_EXPERIMENTS_OF, ids)
        known = {row["experiment_id"]: row for row in found}
        return [row | known[row["experiment_id"]] for row in rows]


_EXPERIMENTS_OF: Composable = SQL("""SELECT experiment_id, symbol, timeframe, direction, strategy, source,
 execution_mode, policy_version, variant, created_at FROM ({}) e WHERE experiment_id = ANY(%(ids)s::uuid[])""").format(
    EXPERIMENTS
)


def midnight(day: date) -> datetime:
    """When a day of the cells begins."""
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)


def _next(moment: datetime) -> datetime:
    # By the calendar, whatever the clocks do that night.
    return midnight(moment.date() + timedelta(days=1))
