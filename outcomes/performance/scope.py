"""What a report reads: its filters, its moment, and which days come from their sums and which from the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from django.db import connection
from psycopg.sql import SQL, Composable, Composed, Identifier

from kernel.sql import load
from kernel.values import format_timestamp
from outcomes.performance.cells import EXPERIMENTS, Range
from outcomes.performance.measures import FILTERS

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
        return SQL(" AND ").join(
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
        row = rows_of(_SCOPE, asdict(filters))[0]
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
            names, self.sliced, WHOLE_DAYS, condition
        )


def _slices(filters: PerformanceFilters) -> list[UUID] | None:
    """The slices asked for; None where these are all: then the cells of all together hold."""
    if not filters.narrows:
        return None
    statement = SQL("SELECT slice_id, {} AS asked FROM report_slices e").format(filters.conditions())
    found = rows_of(statement, asdict(filters))
    asked = [row["slice_id"] for row in found if row["asked"]]
    return asked if len(asked) < len(found) else None


def rows_of(statement: str | Composable, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """What a statement answers, row by row, by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
