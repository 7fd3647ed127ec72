"""What an example engine holds, and when its strategy closes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from bars import Bar, Tape
from option_model import Contract, quote
from orchestrator_client import document_hash


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
    """One opened trade: bought options of one contract."""

    experiment_id: str
    trade_id: str
    kind: str  # REAL or SHADOW
    symbol: str
    direction: str  # of the signal it answers
    contract: Contract
    quantity: int
    entry_price: Decimal
    entry_time: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at a later bar."""

    position: Position
    bar: Bar
    bars_held: int
    gain: float  # a fraction of the entry price

    @property
    def days_left(self) -> int:
        """Until the contract expires."""
        return (self.position.contract.expiry - self.bar.timestamp.date()).days


@dataclass(frozen=True, slots=True)
class Closing:
    """A part of a position that its rules close."""

    time: datetime
    bar: Bar  # what the engine saw last
    quantity: int
    reason: str
    is_last: bool
    is_settled: bool = False  # nobody traded: the contract ended


# Returns an exit reason of the API, or None to stay.
ExitRule = Callable[[Holding], str | None]


@dataclass(frozen=True, slots=True)
class FirstTarget:
    """Take profit with a part of the position as soon as it has gained this fraction of its price."""

    gain: float
    quantity: int


@dataclass(frozen=True, slots=True)
class Strategy:
    """What makes one engine differ from another."""

    engine: str
    version: str
    parameters: dict[str, Any]
    decide: Callable[[Bar], Verdict]
    leave: ExitRule
    quantity: int
    target: FirstTarget
    quotes_the_other_contract: bool  # whether its feed covers the other engine's contracts as well

    @property
    def rules_hash(self) -> str:
        """The hash of the rules, as registered with every heartbeat."""
        return document_hash({"version": self.version, "parameters": self.parameters})


def bid_at(contract: Contract, bar: Bar) -> Decimal:
    """What the model pays for the contract at a bar."""
    return quote(contract, bar.close, bar.volatility, bar.timestamp).bid


def closings(position: Position, tape: Tape, strategy: Strategy) -> list[Closing]:
    """What the rules have closed so far, oldest first: perhaps a first part, and perhaps all that was left.

    The last bar of a symbol ends every position: nothing follows that could. A contract that ends before the rules
    leave it is settled; the bar after shows where the underlying stood.
    """
    found: list[Closing] = []
    left = position.quantity
    expires_at = position.contract.expires_at
    for held, bar in enumerate(tape.after(position.symbol, position.entry_time), start=1):
        if bar.timestamp > expires_at:
            last = tape.at(position.symbol, expires_at)
            assert last is not None
            worthless = position.contract.intrinsic_value(Decimal(str(last.close))) == 0
            reason = "EXPIRED" if worthless else "EXERCISED"
            return [*found, Closing(expires_at, last, left, reason, is_last=True, is_settled=True)]
        gain = float(bid_at(position.contract, bar) / position.entry_price) - 1
        reason_to_leave = strategy.leave(Holding(position, bar, held, gain)) or ("MANUAL" if bar.is_last else None)
        if reason_to_leave:
            return [*found, Closing(bar.timestamp, bar, left, reason_to_leave, is_last=True)]
        if not found and gain >= strategy.target.gain:
            found.append(Closing(bar.timestamp, bar, strategy.target.quantity, "TAKE_PROFIT", is_last=False))
            left -= strategy.target.quantity
    return found
