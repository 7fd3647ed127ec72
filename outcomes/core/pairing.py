"""Whether a shadow trade entered and exited by the same logic as the real one (R4.5).

The checks need nothing but stored rows, so that they can be repeated at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from kernel.values import format_timestamp


class PairRule(StrEnum):
    """The rules of R4.5 by what breaks them."""

    CONTEXT_HASH_DIFFERS = "CONTEXT_HASH_DIFFERS"  # recommended from another market context
    RULES_HASH_DIFFERS = "RULES_HASH_DIFFERS"  # traded by other rules than it recommended by
    LATE_ENTRY = "LATE_ENTRY"  # entered outside the entry window of the pinned policy version
    EXIT_TIME_DIFFERS = "EXIT_TIME_DIFFERS"
    CONDITIONS_HASH_DIFFERS = "CONDITIONS_HASH_DIFFERS"  # exited under other market conditions
    INSTRUMENT_DIFFERS = "INSTRUMENT_DIFFERS"  # exited other instruments than it entered
    PNL_DIFFERS = "PNL_DIFFERS"  # recorded another P&L than its prices give


@dataclass(frozen=True, slots=True)
class PairedTrade:
    """What the checks need of one trade and of the recommendation that it follows."""

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
    """Every rule of R4.5 that the pair breaks; none for a fair pair."""
    real, shadow = pair.real, pair.shadow
    breaches = [*_breaches_alone(real, pair.context_hash), *_breaches_alone(shadow, pair.context_hash)]
    apart = abs(real.entry_time - shadow.entry_time)
    if apart > timedelta(seconds=pair.entry_window_seconds):
        later = real if real.entry_time > shadow.entry_time else shadow
        allowed = f"at most {pair.entry_window_seconds} s"
        breaches.append(_breach(later, PairRule.LATE_ENTRY, allowed, f"{apart.total_seconds()} s"))
    if shadow.exit_time != real.exit_time:
        expected, found = format_timestamp(real.exit_time), format_timestamp(shadow.exit_time)
        breaches.append(_breach(shadow, PairRule.EXIT_TIME_DIFFERS, expected, found))
    if shadow.conditions_hash != real.conditions_hash:
        breaches.append(_breach(shadow, PairRule.CONDITIONS_HASH_DIFFERS, real.conditions_hash, shadow.conditions_hash))
    return breaches


def _breaches_alone(trade: PairedTrade, context_hash: str) -> Iterator[Breach]:
    """The rules that a trade breaks whatever the other one did."""
    if trade.context_hash != context_hash:
        yield _breach(trade, PairRule.CONTEXT_HASH_DIFFERS, context_hash, trade.context_hash)
    if trade.recommended_rules_hash != trade.registered_rules_hash:
        registered = trade.registered_rules_hash or "a registered hash"
        yield _breach(trade, PairRule.RULES_HASH_DIFFERS, registered, trade.recommended_rules_hash)
    if trade.exit_instruments not in (None, trade.entry_instruments):
        entered, exited = sorted(trade.entry_instruments), sorted(trade.exit_instruments or ())
        yield _breach(trade, PairRule.INSTRUMENT_DIFFERS, entered, exited)
    if trade.stored_pnl != trade.recomputed_pnl:
        yield _breach(trade, PairRule.PNL_DIFFERS, trade.recomputed_pnl, trade.stored_pnl)


def _breach(trade: PairedTrade, rule: PairRule, expected: object, found: object) -> Breach:
    return Breach(trade.engine, rule.value, f"expected {expected}, found {found}")
