"""The documents that come back, as far as an engine needs them.

Prices are decimal text, times RFC 3339 in UTC. A later server may add members.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Side = Literal["LONG", "SHORT"]
Kind = Literal["REAL", "SHADOW"]
Action = Literal["OPEN", "DECLINE"]


class Heartbeat(TypedDict):
    """Until when the engine counts as available; None while an operator has disabled it."""

    engine: str
    enabled: bool
    available_until: str | None
    halted: bool


class Assignment(TypedDict):
    """One piece of work. Whether it will be a real trade is not in it."""

    experiment_id: str
    signal: dict[str, Any]
    market_context: dict[str, Any]
    context_hash: str
    distributed_at: str
    answer_by: str  # answered later, it can only be a shadow
    lease_expires_at: str | None
    lease_token: NotRequired[str]  # of the claim that leased it; proves the lease


class Role(TypedDict):
    """What a recommendation is answered with."""

    experiment_id: str
    engine: str
    action: Action
    role: Kind
    reason: str
    permit_expires_at: str | None  # for a real opening: enter before
    recommended_at: str
    halted: bool  # now, also when the answer is repeated


class PlannedLeg(TypedDict):
    """One leg of a plan, for each unit of its quantity."""

    instrument: str
    side: Side
    ratio: int


class Plan(TypedDict):
    """What an engine would trade, said before it knows its role; a shadow opens exactly this."""

    legs: list[PlannedLeg]
    quantity: str
    multiplier: str
    currency: str
    risk_amount: str


class OpeningLeg(PlannedLeg):
    """One leg of a trade to open."""

    entry_price: str


class FillLeg(TypedDict):
    """One execution; `side` is the position's: closing a LONG sells."""

    instrument: str
    effect: Literal["OPEN", "CLOSE"]
    side: Side
    quantity: str
    price: str


class Fill(TypedDict):
    """One fill as booked."""

    fill_ref: str
    revision: int
    time: str
    legs: list[FillLeg]
    fees: str
    scheduled_fees: str
    reason: str
    price_provenance: str
    conditions_hash: str
    reported_at: str


class OwnExit(TypedDict):
    """When a shadow leaves by its own rules; legs and figures come once it is priced."""

    state: Literal["PENDING", "DONE", "UNPRICED"]
    exit_time: str
    exit_reason: str
    legs: list[FillLeg] | None
    price_provenance: str
    fees: str | None
    pnl: str | None
    violations: list[str]
    reported_at: str


class Trade(TypedDict):
    """A trade as stored."""

    trade_id: str
    experiment_id: str
    engine: str
    kind: Kind
    status: Literal["OPENING", "OPEN", "CLOSED", "UNPRICED"]  # OPENING: waits for a quote of its entry
    legs: list[OpeningLeg]
    quantity: str
    multiplier: str
    currency: str
    entry_price: str | None
    entry_time: str
    entry_fees: str
    entry_provenance: str
    risk_amount: str | None
    opened_at: str
    exit_price: str | None
    exit_time: str | None
    exit_fees: str | None
    exit_reason: str
    exit_provenance: str
    conditions_hash: str
    closed_at: str | None
    flags: list[str]
    pnl: str | None
    fills: list[Fill]
    own_exit: OwnExit | None
    snapshot_instruments: list[str]  # quote these, too, in the exit of a real trade
    quote_flags: dict[str, str]


class QuoteDocument(TypedDict):
    """A two-sided quote, not later than the exit it belongs to."""

    bid: str
    ask: str
    quote_time: str


class SettlementDocument(TypedDict):
    """How a contract ended; `underlying` is the price that its intrinsic value follows from."""

    price: str
    settled_at: str
    kind: Literal["EXPIRED", "CASH_SETTLED", "EXERCISED", "ASSIGNED"]
    underlying: NotRequired[str]


class QuoteRequest(TypedDict):
    """What a feeder is asked to quote: now, or as of a moment of a replay."""

    instrument: str
    source: str
    as_of: str | None


class FeedQuote(QuoteDocument):
    """A quote of a neutral feed; `quote_time` is when it was last known to stand."""

    instrument: str


class StoredQuotes(TypedDict):
    """How many of the quotes were new, sent before, or at odds with what was sent before."""

    stored: int
    repeated: int
    conflicting: int


class ExitDirective(TypedDict):
    """The order to a shadow trade to leave as of `exit_time`."""

    id: str
    experiment_id: str
    trade_id: str
    exit_time: str
    legs: list[dict[str, str]]  # instrument, side and quantity that it closes
    instruments: list[str]
    market_conditions: dict[str, Any]
    conditions_hash: str
    issued_at: str
    expires_at: str


class SettledDirective(TypedDict):
    """What a reported directive came to."""

    id: str
    experiment_id: str
    state: str
    exit_time: str
    conditions_hash: str
    settled_at: str
    trade: Trade
