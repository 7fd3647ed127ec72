"""How often guardrails would have tripped on a stretch of history, had they had these limits.

Each trip is taken as released at once: what came before it no longer counts, as after a release by an operator. So the
number of trips is the number of times somebody would have been called.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from policies.core.settings import PolicySettings, label_of

HOUR = timedelta(hours=1)
# Of fewer signals within an hour no share is taken; the worker's measure says the same.
FEWEST_SIGNALS = 20


class ClosedTrade(NamedTuple):
    """A trade that would have been real: when it was closed, and its P&L after fees."""

    at: datetime
    pnl: Decimal
    currency: str


class Arrival(NamedTuple):
    """A signal, and whether it has failed."""

    at: datetime
    failed: bool


class Return(NamedTuple):
    """An engine that became available again."""

    at: datetime
    engine: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What guardrails look at, each in order of time."""

    closed: Sequence[ClosedTrade] = ()
    arrivals: Sequence[Arrival] = ()
    returns: Sequence[Return] = ()


@dataclass(frozen=True, slots=True)
class Tripped:
    """One guardrail on the stretch: how often it would have tripped, the first time, and the worst it came to."""

    name: str
    limit: Decimal
    worst: Decimal
    times: tuple[datetime, ...]

    @property
    def label(self) -> str:
        """What people call it."""
        return label_of(self.name)

    @property
    def limit_text(self) -> str:
        """The limit, its thousands apart."""
        return f"{self.limit:,f}"

    @property
    def worst_text(self) -> str:
        """The worst, in as many decimals as the limit."""
        return f"{self.worst.quantize(self.limit):,f}"


@dataclass(slots=True)
class _Watch:
    """Notes what a guardrail measures, and says when it has tripped."""

    limit: Decimal
    worst: Decimal = Decimal(0)
    times: list[datetime] = field(default_factory=list)

    def reaches(self, at: datetime, value: Decimal | int) -> bool:
        self.worst = max(self.worst, Decimal(value))
        if value < self.limit:
            return False
        self.times.append(at)
        return True


def trips(settings: PolicySettings, history: Stretch) -> tuple[Tripped, ...]:
    """Every guardrail that has a limit, in the order of the settings."""
    found = []
    for name, look in LOOKS.items():
        limit: int | Decimal | None = getattr(settings, name)
        if limit is not None:
            watch = _Watch(Decimal(limit))
            look(watch, history, settings)
            found.append(Tripped(name, watch.limit, watch.worst, tuple(watch.times)))
    return tuple(found)


def losses_in_a_row(watch: _Watch, history: Stretch, settings: PolicySettings) -> None:
    """Losses since the last trade that was none, whatever the currency."""
    row = 0
    for trade in history.closed:
        row = row + 1 if trade.pnl < 0 else 0
        if watch.reaches(trade.at, row):
            row = 0


def loss_of_a_day(watch: _Watch, history: Stretch, settings: PolicySettings) -> None:
    """Net loss of each UTC day, in the policy's currency."""
    day, net = None, Decimal(0)
    for trade in history.closed:
        if trade.currency != settings.currency:
            continue
        if (today := trade.at.astimezone(UTC).date()) != day:
            day, net = today, Decimal(0)
        net += trade.pnl
        if watch.reaches(trade.at, max(-net, Decimal(0))):
            net = Decimal(0)


def share_of_failed(watch: _Watch, history: Stretch, settings: PolicySettings) -> None:
    """Percent of the signals of the last hour that failed, once there are enough of them."""
    window: deque[Arrival] = deque()
    failed = 0
    for arrival in history.arrivals:
        window.append(arrival)
        failed += arrival.failed
        while window[0].at <= arrival.at - HOUR:
            failed -= window.popleft().failed
        if len(window) < FEWEST_SIGNALS:
            continue
        if watch.reaches(arrival.at, round(Decimal(100 * failed) / len(window), 2)):
            window.clear()
            failed = 0


def flaps(watch: _Watch, history: Stretch, settings: PolicySettings) -> None:
    """How often within an hour an engine came back, of the worse engine."""
    windows: dict[str, deque[datetime]] = {}
    for back in history.returns:
        window = windows.setdefault(back.engine, deque())
        window.append(back.at)
        while window[0] <= back.at - HOUR:
            window.popleft()
        if watch.reaches(back.at, len(window)):
            windows.clear()


Look = Callable[[_Watch, Stretch, PolicySettings], None]
LOOKS: dict[str, Look] = {
    "max_consecutive_real_losses": losses_in_a_row,
    "max_daily_real_loss": loss_of_a_day,
    "max_failed_signal_percentage": share_of_failed,
    "max_engine_flaps": flaps,
}
