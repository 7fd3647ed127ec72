"""Which outcomes a report looks at, and the SQL that says so."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Composed

from kernel.values import format_timestamp

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
    An empty `strategy` means the signals that came without one.
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

    def document(self) -> dict[str, Any]:
        """The filters as shown in the report; times as RFC 3339 UTC."""
        return {
            name: format_timestamp(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }

    def parameters(self) -> dict[str, Any]:
        """The values for the statements' placeholders."""
        return asdict(self)

    def without_assignment(self) -> PerformanceFilters:
        """The filters that do not depend on the assignment, as a check of the assignment needs."""
        return replace(self, variant=None, execution_mode=None)

    def experiment_conditions(self) -> list[SQL]:
        """The conditions on experiments `e`, signals `s` and decisions `p`; none when any will do."""
        return [condition for name, condition in CONDITIONS.items() if getattr(self, name) is not None]

    def experiment_joins(self) -> Composed:
        """The joins of signals `s` and decisions `p` that the conditions need, and no more."""
        joins = []
        if any(getattr(self, name) is not None for name in OF_THE_SIGNAL):
            joins.append(SQL(" JOIN signals s USING (signal_id)"))
        if self.execution_mode is not None:
            joins.append(SQL(" JOIN execution_policy p USING (experiment_id)"))
        return Composed(joins)

    def period(self, moment: SQL) -> list[Composed]:
        """The conditions that put this moment (an SQL expression) into the period."""
        conditions = []
        if self.since is not None:
            conditions.append(SQL("{} >= %(since)s").format(moment))
        if self.until is not None:
            conditions.append(SQL("{} < %(until)s").format(moment))
        return conditions

    def chosen_experiments(self) -> Composed:
        """A join that keeps the chosen experiments; empty when any will do.

        Experiments and signals are read only when a filter asks for them: they are wide.
        """
        conditions = self.experiment_conditions()
        if not conditions:
            return Composed([])
        inner = SQL("SELECT experiment_id FROM experiments e{} WHERE {}").format(
            self.experiment_joins(), ALL.join(conditions)
        )
        return SQL(" JOIN ({}) chosen USING (experiment_id)").format(inner)


def where(conditions: list[Any]) -> Composed:
    """A WHERE clause of all conditions, or nothing."""
    return SQL(" WHERE {}").format(ALL.join(conditions)) if conditions else Composed([])
