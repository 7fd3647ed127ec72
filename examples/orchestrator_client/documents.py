"""The documents that come back, as far as an engine needs them.

Prices are decimal text, times RFC 3339 in UTC. A later server may add members.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Kind = Literal["REAL", "SHADOW"]
Action = Literal["OPEN", "DECLINE"]


class Heartbeat(TypedDict):
    """Until when the engine counts as available; None while an operator has disabled it."""

    engine: str
    enabled: bool
    available_until: str | None


class Assignment(TypedDict):
    """One piece of work. Whether it will be a real trade is not in it."""

    experiment_id: str
    signal: dict[str, Any]
    market_context: dict[str, Any]
    context_hash: str
    distributed_at: str
    lease_expires_at: str | None


class Role(TypedDict):
    """What a recommendation is answered with."""

    experiment_id: str
    engine: str
    action: Action
    role: Kind
    reason: str
    permit_expires_at: str | None  # for a real opening: enter before
    recommended_at: str


class OpeningLeg(TypedDict):
    """One leg of a trade to open."""

    instrument: str
    side: Literal["LONG", "SHORT"]
    ratio: int
    entry_price: str


class Leg(OpeningLeg):
    """One leg of a trade as stored."""

    exit_price: str | None


class Trade(TypedDict):
    """A trade as stored."""

    trade_id: str
    experiment_id: str
    engine: str
    kind: Kind
    status: Literal["OPEN", "CLOSED", "UNPRICED"]
    legs: list[Leg]
    quantity: str
    multiplier: str
    entry_price: str
    entry_time: str
    entry_fees: str
    entry_provenance: str
    opened_at: str
    exit_price: str | None
    exit_time: str | None
    exit_fees: str | None
    exit_reason: str
    exit_provenance: str
    conditions_hash: str
    closed_at: str | None
    pnl: str | None
    snapshot_instruments: list[str]  # quote these, too, in the exit of a real trade
    quote_flags: dict[str, str]


class QuoteDocument(TypedDict):
    """A two-sided quote, not later than the exit it belongs to."""

    bid: str
    ask: str
    quote_time: str


class QuoteRequest(TypedDict):
    """What a feeder is asked to quote: now, or as of a moment of a replay."""

    instrument: str
    source: str
    as_of: str | None


class FeedQuote(QuoteDocument):
    """A quote of a neutral feed; `quote_time` is when it was last known to stand."""

    instrument: str


class StoredQuotes(TypedDict):
    """How many of the quotes were new."""

    stored: int
    repeated: int


class ExitDirective(TypedDict):
    """The order to a shadow trade to leave as of `exit_time`."""

    id: int
    experiment_id: str
    trade_id: str
    exit_time: str
    instruments: list[str]
    market_conditions: dict[str, Any]
    conditions_hash: str
    issued_at: str
    expires_at: str


class SettledDirective(TypedDict):
    """What a reported directive came to."""

    id: int
    experiment_id: str
    state: str
    exit_time: str
    conditions_hash: str
    settled_at: str
    trade: Trade
