"""What falls due without anybody calling: entries, exits and checks that waited for neutral quotes, and time limits.

The worker runs this every second while something is due. Each item is looked at again under its experiment's lock, so
it is safe at any time and in several processes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from kernel.events import SETTLING_FAILED
from kernel.sql import load
from outcomes.core.trades import TradeFlag
from outcomes.models import (
    ExitReason,
    OwnExit,
    OwnExitState,
    RealTrade,
    ShadowTrade,
    TradeStatus,
)
from outcomes.services.case import Terms, lock_experiment
from outcomes.services.directives import follow_entry_quote, settle_directive
from outcomes.services.fills import ExitFacts, check_prices, end_unpriced, flag_if
from outcomes.services.openings import own_entry_of, price_entry
from outcomes.services.pricing import QUOTE_WAIT, neutral_entry_legs
from outcomes.services.shadow_exits import OWN_EXIT_DAYS, leave_unpaired, price_own_exit

# Selects what falls due, and so whether anything does.
DUE = load(__file__, "due.sql").replace("OWN_EXIT_DAYS", OWN_EXIT_DAYS)
# The longest waiting of each kind in turn, so that none of them holds up another.
IN_TURN = f"""
SELECT what, id FROM ({DUE}) due ORDER BY row_number() OVER (PARTITION BY what ORDER BY since, id), what LIMIT 500
"""  # noqa: S608
# So that the worker comes back to its signals in time; what is left is found again a second later.
MAX_SECONDS = 2.0


def settle_due() -> int:
    """Settle what is due, for two seconds at most; the number of items that moved."""
    ends = monotonic() + MAX_SECONDS
    moved = 0
    # What was settled may let something else be: an exit waits for the price of its entry.
    while (more := _settle_in_turn(ends)) and monotonic() < ends:
        moved += more
    return moved + more


def _settle_in_turn(ends: float) -> int:
    """Settle what is due now until the time is over, but one thing at least."""
    with connection.cursor() as cursor:
        cursor.execute(IN_TURN)
        found = cursor.fetchall()
    moved = 0
    for what, key in found:
        try:
            # Each in a transaction of its own: one that fails is reported and does not hold up the others.
            moved += SETTLE[what](key)
        except (InterfaceError, OperationalError):
            # Without a database none of the others would fare better; the broker asks again.
            raise
        except Exception as error:  # noqa: BLE001 (reported below, and tried again at the next tick)
            SETTLING_FAILED.log(what=what, id=key, error=f"{type(error).__name__}: {error}")
        if monotonic() > ends:
            break
    return moved


def _price_entry(key: Any) -> bool:
    with transaction.atomic():
        terms = _locked_terms(ShadowTrade, key)
        # Another worker may have priced it while this one waited for the lock.
        trade = terms.shadow(UUID(key))
        if trade.status != TradeStatus.OPENING:
            return False
        # A replayed signal lies in the past of this clock; only the market's own times say what came after it.
        since = trade.entry_time if terms.is_replayed else trade.opened_at
        neutral = neutral_entry_legs(
            {(leg["instrument"], leg["side"]): leg["ratio"] * trade.quantity for leg in trade.legs},
            since=since,
            limit=terms.quote_limit,
        )
        assert trade.entry_due_at is not None
        # Until then a neutral quote may still come, which beats the engine's own.
        if neutral is None and terms.now < trade.entry_due_at:
            return False
        price_entry(trade, neutral or own_entry_of(trade), terms)
        follow_entry_quote(trade, terms)
    return True


def _price_own_exit(key: Any) -> bool:
    with transaction.atomic():
        terms = _locked_terms(OwnExit, key)
        trade = terms.shadow(UUID(key))
        own = trade.own_exit
        if own.state != OwnExitState.PENDING or trade.status == TradeStatus.OPENING:
            return False
        price_own_exit(own, trade, terms)
        leave_unpaired(trade, own, terms)
    return True


def _leave(key: Any) -> bool:
    with transaction.atomic():
        terms = _locked_terms(ShadowTrade, key)
        trade = terms.shadow(UUID(key))
        if trade.status != TradeStatus.OPEN:
            return False
        own = getattr(trade, "own_exit", None)
        if own is not None:
            leave_unpaired(trade, own, terms)
        elif TradeFlag.AFTER_REAL_EXIT in trade.flags or not terms.real_trade_may_come():
            flag_if(trade, TradeFlag.UNPAIRED, TradeFlag.AFTER_REAL_EXIT not in trade.flags)
            end_unpriced(trade, ExitFacts(terms.now, ExitReason.TIME_LIMIT), terms.schedule, terms.now)
    return trade.status != TradeStatus.OPEN


def _check_prices(key: Any) -> bool:
    with transaction.atomic():
        terms = _locked_terms(RealTrade, key)
        trade = terms.real
        assert trade is not None
        assert trade.closed_at is not None
        # Neutral quotes from after the fill count, too.
        if trade.prices_checked_at is not None or terms.now < trade.closed_at + terms.quote_limit + QUOTE_WAIT:
            return False
        check_prices(trade, terms)
    return True


def _locked_terms(table: type[ShadowTrade | RealTrade | OwnExit], key: Any) -> Terms:
    """The terms of an item's experiment under its lock; what the item itself says is read after it."""
    return lock_experiment(table.objects.values_list("experiment_id", flat=True).get(pk=key))


# By the kind of due.sql; the key is given as text.
SETTLE: dict[str, Callable[[Any], bool]] = {
    "entry": _price_entry,
    "exit directive": settle_directive,
    "own exit": _price_own_exit,
    "shadow": _leave,
    "prices": _check_prices,
}
