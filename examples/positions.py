"""What an example engine holds, and when it exits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from bars import Bar
from option_model import Contract, quote


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an engine makes of one bar, before it knows whether it trades for real."""

    contract: Contract | None  # None: no trade
    reasons: list[str]
    votes: dict[str, int] = field(default_factory=dict)

    @property
    def action(self) -> Literal["OPEN", "DECLINE"]:
        """Return OPEN or DECLINE."""
        return "DECLINE" if self.contract is None else "OPEN"

    def document(self) -> dict[str, Any]:
        """The recommendation as it is sent."""
        instrument = None if self.contract is None else str(self.contract)
        return {"instrument": instrument, "reasons": self.reasons, "votes": self.votes}


@dataclass(frozen=True, slots=True)
class Position:
    """One opened trade: a bought option, one contract."""

    experiment_id: str
    trade_id: str
    kind: str  # REAL or SHADOW
    symbol: str
    direction: str  # of the signal it answers
    contract: Contract
    entry_price: Decimal
    entry_time: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at a later bar."""

    position: Position
    bar: Bar
    bars_held: int
    gain: float  # a fraction of the entry price


# Returns an exit reason of the API, or None to stay.
ExitRule = Callable[[Holding], str | None]


def bid_at(contract: Contract, bar: Bar) -> Decimal:
    """What the model pays for the contract at a bar."""
    return quote(contract, bar.close, bar.volatility, bar.timestamp).bid


def first_exit(position: Position, bars: Iterable[Bar], rule: ExitRule) -> tuple[Bar, str] | None:
    """The first later bar at which the rule leaves, and why; None while it stays.

    The last bar of a symbol ends every position: nothing follows that could.
    """
    later = sorted((bar for bar in bars if bar.timestamp > position.entry_time), key=lambda bar: bar.timestamp)
    for held, bar in enumerate(later, start=1):
        gain = float(bid_at(position.contract, bar) / position.entry_price) - 1
        if reason := rule(Holding(position, bar, held, gain)):
            return bar, reason
        if bar.is_last:
            return bar, "MANUAL"
    return None
