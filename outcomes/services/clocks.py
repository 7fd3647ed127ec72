"""What time it is for a report: the database's clock, or that of a replayed source, and the policy's limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Max

from experiments.models import ExecutionDecision
from outcomes.core.books import Schedule
from outcomes.core.timing import ReportClock
from outcomes.services.transactions import database_time
from policies.models import PolicyVersion
from signals_app.alerts.times import duration
from signals_app.models import Signal


def replayed_until(signal: Signal) -> datetime | None:
    """How far the signal's replayed source has come, its latest alert time, plus one bar; None for a live one."""
    if not signal.replayed:
        return None
    latest = Signal.objects.filter(source=signal.source, replayed=True).aggregate(at=Max("timestamp"))["at"]
    return latest + duration(signal.timeframe)  # type: ignore[no-any-return]


@dataclass
class Terms:
    """One experiment's terms at the moment of a report; read under its lock."""

    decision: ExecutionDecision
    now: datetime

    @classmethod
    def of(cls, decision: ExecutionDecision) -> Terms:
        """The terms as of now, by the database's clock."""
        return cls(decision, database_time())

    @property
    def policy(self) -> PolicyVersion:
        """The pinned version."""
        return self.decision.policy_version

    @cached_property
    def replayed_until(self) -> datetime | None:
        """How far a replayed source has come, plus one bar; None for a live one."""
        return replayed_until(self.decision.experiment.signal)

    @property
    def is_replayed(self) -> bool:
        """Whether the signal came from a replayed source."""
        return self.replayed_until is not None

    @property
    def signal_time(self) -> datetime:
        """When the alert fired, by its own word."""
        return self.decision.experiment.signal.timestamp

    @property
    def quote_limit(self) -> timedelta:
        """How old a quote may be that prices anything."""
        return timedelta(seconds=self.policy.max_quote_age_seconds)

    @property
    def report_delay(self) -> timedelta:
        """How long a report may take to arrive."""
        return timedelta(seconds=self.policy.report_delay_seconds)

    @property
    def clock(self) -> ReportClock:
        """How the times of a report that arrives now are judged."""
        return ReportClock(self.now, self.report_delay, self.replayed_until)

    @property
    def schedule(self) -> Schedule:
        """The fees that the comparison charges both sides, and that shadows pay."""
        return Schedule(self.policy.fee_per_contract, self.policy.fee_per_order)
