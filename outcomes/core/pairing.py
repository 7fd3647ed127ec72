"""Whether a shadow trade entered and left by the same logic as the real one (R4.5).

Pure: no I/O, no clock, no randomness; the checks can be made again from stored rows at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PairedTrade:
    """What the checks look at in one trade and in the recommendation it follows."""

    engine: str
    context_hash: str  # of the recommendation
    recommended_rules_hash: str
    registered_rules_hash: str  # of the engine, when the trade was opened
    entry_time: datetime
    exit_time: datetime
    conditions_hash: str
    entry_instruments: frozenset[str]
    exit_instruments: frozenset[str] | None  # None: UNPRICED
    stored_pnl: Decimal | None
    recomputed_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class Pair:
    """The real and the shadow trade of one experiment, both closed."""

    context_hash: str  # of the market context
    entry_window_seconds: int  # of the pinned policy version
    real: PairedTrade
    shadow: PairedTrade


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule: who broke it, what was expected and found."""

    engine: str
    name: str
    detail: str


def find_breaches(pair: Pair) -> list[Breach]:
    """Return every rule of R4.5 that the pair breaks, by name; empty for a fair pair."""
    return [
        *_trade_breaches(pair.real, pair.context_hash),
        *_trade_breaches(pair.shadow, pair.context_hash),
        *_pair_breaches(pair),
    ]


def _trade_breaches(trade: PairedTrade, context_hash: str) -> Iterator[Breach]:
    """Check what each trade must fulfil by itself."""
    if trade.context_hash != context_hash:
        yield _breach(trade, "CONTEXT_HASH_DIFFERS", context_hash, trade.context_hash)
    if trade.recommended_rules_hash != trade.registered_rules_hash:
        yield _breach(
            trade,
            "RULES_HASH_DIFFERS",
            trade.registered_rules_hash or "a registered hash",
            trade.recommended_rules_hash,
        )
    if trade.exit_instruments not in (None, trade.entry_instruments):
        yield _breach(
            trade, "INSTRUMENT_DIFFERS", sorted(trade.entry_instruments), sorted(trade.exit_instruments or ())
        )
    if trade.stored_pnl != trade.recomputed_pnl:
        yield _breach(trade, "PNL_DIFFERS", trade.recomputed_pnl, trade.stored_pnl)


def _pair_breaches(pair: Pair) -> Iterator[Breach]:
    """Check what the shadow must share with the real trade."""
    real, shadow = pair.real, pair.shadow
    apart = abs(real.entry_time - shadow.entry_time)
    if apart > timedelta(seconds=pair.entry_window_seconds):
        later = real if real.entry_time > shadow.entry_time else shadow
        yield _breach(later, "LATE_ENTRY", f"at most {pair.entry_window_seconds} s", f"{apart.total_seconds()} s")
    if shadow.exit_time != real.exit_time:
        yield _breach(shadow, "EXIT_TIME_DIFFERS", real.exit_time.isoformat(), shadow.exit_time.isoformat())
    if shadow.conditions_hash != real.conditions_hash:
        yield _breach(shadow, "CONDITIONS_HASH_DIFFERS", real.conditions_hash, shadow.conditions_hash)


def _breach(trade: PairedTrade, name: str, expected: object, found: object) -> Breach:
    return Breach(trade.engine, name, f"expected {expected}, found {found}")
