"""What falls due without anybody calling: entries, exits and checks that waited for neutral quotes, and time limits.

The worker runs this every second while something is due. Each item is looked at again under its experiment's lock, so
it is safe at any time and in several processes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q

from kernel.events import SETTLING_FAILED
from outcomes.core.trades import TradeFlag
from outcomes.models import (
    ExitReason,
    OwnExit,
    OwnExitState,
    RealTrade,
    ShadowTrade,
    TradeStatus,
)
from outcomes.services.closings import OWN_EXIT_DAYS, leave_unpaired, price_own_exit
from outcomes.services.directives import (
    due_directives,
    follow_entry_quote,
    real_trade_may_come,
    settle_directive,
)
from outcomes.services.fills import ExitFacts, end_unpriced, flag_if
from outcomes.services.openings import own_entry_of, price_entry
from outcomes.services.pricing import QUOTE_WAIT, neutral_entry_legs
from outcomes.services.transactions import Terms, database_time, lock_experiment
from outcomes.services.violations import check_prices

# So that a worker comes back to its signals in time.
BATCH = 200


def settle_due() -> int:
    """Settle what is due, at most a batch of each kind; the number of items that moved."""
    now = database_time()
    return (
        _each(ShadowTrade.objects.filter(status=TradeStatus.OPENING).order_by("entry_due_at"), _price_entry)
        + _each(due_directives(now).order_by("id"), lambda directive: settle_directive(directive.pk))
        + _each(OwnExit.objects.filter(state=OwnExitState.PENDING, due_at__lte=now), _price_own_exit)
        + _each(_unpaired(now), _leave)
        + _each(
            RealTrade.objects.filter(prices_checked_at=None, closed_at__isnull=False).order_by("closed_at"),
            _check_prices,
        )
    )


def _each(found: Any, settle: Callable[[Any], bool]) -> int:
    """Settle each in a transaction of its own: one that fails is reported and does not hold up the others."""
    moved = 0
    for item in found[:BATCH]:
        try:
            moved += bool(settle(item))
        except (InterfaceError, OperationalError):
            # Without a database none of the others would fare better; the broker asks again.
            raise
        except Exception as error:  # noqa: BLE001 (reported below, and tried again at the next tick)
            SETTLING_FAILED.log(what=type(item).__name__, id=str(item.pk), error=f"{type(error).__name__}: {error}")
    return moved


def _price_entry(found: ShadowTrade) -> bool:
    with transaction.atomic():
        terms = Terms.of(lock_experiment(found.experiment_id))
        trade = ShadowTrade.objects.get(pk=found.pk)
        if trade.status != TradeStatus.OPENING:
            return False
        since = trade.entry_time if terms.is_replayed else trade.opened_at
        neutral = neutral_entry_legs(
            {(leg["instrument"], leg["side"]): leg["ratio"] * trade.quantity for leg in trade.legs},
            since=since,
            limit=terms.quote_limit,
        )
        assert trade.entry_due_at is not None
        if neutral is None and terms.now < trade.entry_due_at:
            return False
        price_entry(trade, neutral or own_entry_of(trade), terms)
        follow_entry_quote(trade, terms)
    return True


def _price_own_exit(found: OwnExit) -> bool:
    with transaction.atomic():
        terms = Terms.of(lock_experiment(found.experiment_id))
        own = OwnExit.objects.select_related("trade").get(pk=found.pk)
        if own.state != OwnExitState.PENDING or own.trade.status == TradeStatus.OPENING:
            return False
        price_own_exit(own, own.trade, terms)
        leave_unpaired(own.trade, own, terms)
    return True


def _unpaired(now: Any) -> Any:
    """Open shadows that may leave by themselves: with an own exit, or without one when none is taken any more.

    Those that follow a real trade still running are left out: they could fill a batch for days.
    """
    running = RealTrade.objects.filter(experiment=OuterRef("experiment"), closed_at=None)
    with_own_exit = Q(own_exit__state__in=(OwnExitState.DONE, OwnExitState.UNPRICED))
    over = Q(own_exit__isnull=True, opened_at__lte=now - timedelta(days=OWN_EXIT_DAYS))
    waiting = ShadowTrade.objects.filter(~Exists(running), status=TradeStatus.OPEN)
    return waiting.filter(with_own_exit | over).order_by("opened_at")


def _leave(found: ShadowTrade) -> bool:
    with transaction.atomic():
        terms = Terms.of(lock_experiment(found.experiment_id))
        trade = ShadowTrade.objects.get(pk=found.pk)
        if trade.status != TradeStatus.OPEN:
            return False
        own = OwnExit.objects.filter(pk=trade.pk).first()
        if own is not None:
            leave_unpaired(trade, own, terms)
        elif TradeFlag.AFTER_REAL_EXIT in trade.flags or not real_trade_may_come(terms):
            flag_if(trade, TradeFlag.UNPAIRED, TradeFlag.AFTER_REAL_EXIT not in trade.flags)
            end_unpriced(trade, ExitFacts(terms.now, ExitReason.TIME_LIMIT), terms.schedule, terms.now)
    return trade.status != TradeStatus.OPEN


def _check_prices(found: RealTrade) -> bool:
    with transaction.atomic():
        terms = Terms.of(lock_experiment(found.experiment_id))
        trade = RealTrade.objects.get(pk=found.pk)
        assert trade.closed_at is not None
        # Neutral quotes from after the fill count, too.
        if trade.prices_checked_at is not None or terms.now < trade.closed_at + terms.quote_limit + QUOTE_WAIT:
            return False
        check_prices(trade, terms)
    return True
