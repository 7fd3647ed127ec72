"""The exit of a shadow trade after the real one: same time, same market conditions (R4.2).

A directive is written in the transaction of the real exit. It closes the shadow immediately if the real exit's
conditions quote it; else it waits for the shadow engine's own quotes; else the shadow ends UNPRICED. The real
trade's price is never applied to another instrument.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from kernel.errors import DomainError
from kernel.events import SHADOW_EXIT_TRIGGERED
from kernel.values import format_timestamp
from outcomes.core.trade_reports import ShadowExitReport, judge_shadow_exit
from outcomes.core.trades import judge_quotes, quotes_of, trade_price
from outcomes.models import (
    Action,
    DirectiveState,
    ExitDirective,
    ExitReason,
    PriceProvenance,
    RealTrade,
    Recommendation,
    ShadowTrade,
    TradeStatus,
)
from outcomes.services.exits import TradeExit, check_pair, store_exit
from outcomes.services.transactions import database_time, lock_experiment, not_found
from policies.models import PolicyVersion

OTHER_ENGINE = {"A": "B", "B": "A"}


def issue_directive(real: RealTrade, policy: PolicyVersion, now: datetime) -> ExitDirective:
    """Direct the shadow to exit after a real exit, in the same transaction; close it now if it can be priced."""
    assert real.exit_time is not None
    conditions = real.market_conditions or {}
    directive = ExitDirective.objects.create(
        experiment_id=real.experiment_id,
        real_trade=real,
        shadow_engine=OTHER_ENGINE[real.engine],
        exit_time=real.exit_time,
        market_conditions=conditions,
        conditions_hash=real.conditions_hash,
        quote_flags=judge_quotes(quotes_of(conditions), real.exit_time).flags,
        issued_at=now,
        expires_at=now + timedelta(seconds=policy.exit_directive_ttl_seconds),
    )
    of_the_shadow = {"experiment_id": real.experiment_id, "engine": directive.shadow_engine}
    shadow = ShadowTrade.objects.filter(**of_the_shadow).first()
    if shadow is not None:
        _apply(directive, shadow, now)
    elif Recommendation.objects.filter(**of_the_shadow, action=Action.DECLINE).exists():
        _settle(directive, DirectiveState.NO_SHADOW, now)
    transaction.on_commit(
        lambda: SHADOW_EXIT_TRIGGERED.log(
            experiment_id=str(directive.experiment_id),
            engine=directive.shadow_engine,
            directive_id=directive.pk,
            exit_time=format_timestamp(directive.exit_time),
            conditions_hash=directive.conditions_hash,
            state=directive.state,
            quote_flags=directive.quote_flags,
        )
    )
    return directive


def follow_directive(shadow: ShadowTrade, now: datetime) -> None:
    """Close a shadow that was opened after the real exit, by that exit's directive."""
    directive = ExitDirective.objects.filter(experiment_id=shadow.experiment_id).first()
    if directive is not None:
        _apply(directive, shadow, now)
        check_pair(shadow.experiment_id, now)


def settle_declined(engine: str, experiment_id: UUID, now: datetime) -> None:
    """Settle the directive of a real exit that came before its shadow engine declined: there is nothing to close.

    Without the lock, this interleaving leaves a directive that waits for nobody:

    - The real exit looks for a decline and finds none.
    - The decline looks for a directive and finds none.
    - Both commit.
    """
    lock_experiment(experiment_id)
    directive = ExitDirective.objects.filter(
        experiment_id=experiment_id, shadow_engine=engine, state=DirectiveState.PENDING
    ).first()
    if directive is not None:
        _settle(directive, DirectiveState.NO_SHADOW, now)


def pending_directives(engine: str) -> QuerySet[ExitDirective]:
    """The exits that this engine's open shadow trades have yet to price, oldest first (R4.2)."""
    return (
        ExitDirective.objects.filter(
            shadow_engine=engine,
            state=DirectiveState.PENDING,
            shadow_trade__status=TradeStatus.OPEN,
            expires_at__gt=database_time(),
        )
        .select_related("shadow_trade")
        .order_by("id")
    )


def report_shadow_exit(
    engine: str, directive_id: int, report: ShadowExitReport, *, request_hash: str
) -> tuple[ExitDirective, bool]:
    """Close the shadow at its engine's own quotes as of the exit time; the flag says whether that is new.

    Raises `not_found` for the other engine's directive, `conflict` when another report settled it and
    `directive_settled` when no report did: it expired, or the engine declined.
    """
    directive = ExitDirective.objects.filter(pk=directive_id, shadow_engine=engine).first()
    if directive is None:
        raise not_found()
    experiment_id = directive.experiment_id
    # In a transaction of its own: the refusal of a report that came too late must not undo it.
    _expire(directive_id, experiment_id)
    with transaction.atomic():
        lock_experiment(experiment_id)
        directive = ExitDirective.objects.select_related("shadow_trade").get(pk=directive_id)
        if directive.state != DirectiveState.PENDING:
            if directive.request_hash == request_hash:
                return directive, False
            if not directive.request_hash:
                raise DomainError(
                    "directive_settled", f"This exit directive has already been settled: {directive.state}."
                )
            raise DomainError("conflict", "A different report is already stored for this exit; the first counts.")
        shadow = directive.shadow_trade
        if shadow is None:
            raise DomainError("shadow_not_opened", "Report the opening of the shadow trade first.")
        now = database_time()
        prices, price, judged = judge_shadow_exit(report, shadow.entered_legs, exit_time=directive.exit_time)
        closing = _synchronised_exit(directive, PriceProvenance.OWN_FEED_QUOTE)
        store_exit(shadow, replace(closing, leg_prices=prices, exit_price=price, quotes=judged, fees=report.fees), now)
        _settle(directive, DirectiveState.PRICED, now, request_hash=request_hash)
        check_pair(experiment_id, now)
    return directive, True


def expire_directives() -> int:
    """Settle the directives whose time is over, and count them: UNPRICED, or NO_SHADOW without a trade.

    Runs every minute; safe at any time and in several processes, because each directive is read again under the
    experiment's lock.
    """
    overdue = ExitDirective.objects.filter(state=DirectiveState.PENDING, expires_at__lte=database_time())
    return sum(_expire(*ids) for ids in list(overdue.order_by("id").values_list("id", "experiment_id")))


def _expire(directive_id: int, experiment_id: UUID) -> bool:
    with transaction.atomic():
        lock_experiment(experiment_id)
        now = database_time()
        directive = (
            ExitDirective.objects.filter(pk=directive_id, state=DirectiveState.PENDING, expires_at__lte=now)
            .select_related("shadow_trade")
            .first()
        )
        if directive is None:
            return False
        if directive.shadow_trade is None:
            _settle(directive, DirectiveState.NO_SHADOW, now)
        else:
            _close_unpriced(directive, directive.shadow_trade, now)
            check_pair(experiment_id, now)
    return True


def _apply(directive: ExitDirective, shadow: ShadowTrade, now: datetime) -> None:
    """Close the shadow at the touch of the real exit's own quotes, or leave it to wait for others."""
    directive.shadow_trade = shadow
    if shadow.status != TradeStatus.OPEN:
        _settle(directive, DirectiveState.ALREADY_CLOSED, now)
        return
    legs = shadow.entered_legs
    judged = judge_quotes(quotes_of(directive.market_conditions), directive.exit_time)
    prices = judged.touch_prices(legs)
    if shadow.entry_time > directive.exit_time or (prices is None and directive.expires_at <= now):
        _close_unpriced(directive, shadow, now)
    elif prices is None:
        directive.save(update_fields=("shadow_trade",))
    else:
        price = trade_price(legs, prices)
        closing = _synchronised_exit(directive, PriceProvenance.SAME_SNAPSHOT_QUOTE)
        store_exit(shadow, replace(closing, leg_prices=prices, exit_price=price, quotes=judged), now)
        _settle(directive, DirectiveState.PRICED, now)


def _close_unpriced(directive: ExitDirective, shadow: ShadowTrade, now: datetime) -> None:
    store_exit(shadow, _synchronised_exit(directive, PriceProvenance.UNPRICED), now)
    _settle(directive, DirectiveState.UNPRICED, now)


def _synchronised_exit(directive: ExitDirective, provenance: PriceProvenance) -> TradeExit:
    """What every shadow exit copies from the real one."""
    return TradeExit(
        exit_time=directive.exit_time,
        exit_reason=ExitReason.SYNCHRONISED,
        provenance=provenance,
        fees=Decimal(0),
        conditions_hash=directive.conditions_hash,
    )


def _settle(directive: ExitDirective, state: DirectiveState, now: datetime, *, request_hash: str = "") -> None:
    directive.state = state
    directive.settled_at = now
    directive.request_hash = request_hash
    directive.save(update_fields=("state", "settled_at", "request_hash", "shadow_trade"))
