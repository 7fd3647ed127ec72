"""The exit of a shadow trade after the real one: same time, same market conditions (R4.2).

A directive is written in the transaction of the real exit. It closes the shadow at once when the
real exit's conditions quote it; else it waits for the shadow engine's own quotes; else the shadow
ends UNPRICED. The real trade's price is never applied to another instrument.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from kernel.errors import DomainError
from kernel.events import SHADOW_EXIT_TRIGGERED
from outcomes.core.pricing import judge_quotes, quotes_of, trade_price
from outcomes.core.trade_reports import ShadowExitReport, judge_shadow_exit
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
from outcomes.services.closing import Closing, check_pair, close
from outcomes.services.experiment_lock import database_time, lock_experiment
from outcomes.services.incidents import not_found
from policies.models import PolicyVersion

OTHER_ENGINE = {"A": "B", "B": "A"}


def issue_directive(real: RealTrade, policy: PolicyVersion, now: datetime) -> ExitDirective:
    """Order the shadow out after a real exit, in the same transaction, and close it if it can be priced."""
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
    shadow = ShadowTrade.objects.filter(experiment_id=real.experiment_id, engine=directive.shadow_engine).first()
    if shadow is not None:
        _lead_out(directive, shadow, now)
    elif _has_declined(directive):
        _settle(directive, DirectiveState.NO_SHADOW, now)
    transaction.on_commit(lambda: _log(directive))
    return directive


def follow_standing_directive(shadow: ShadowTrade, now: datetime) -> None:
    """Close a shadow that was opened after the real exit, by the directive that stands."""
    directive = ExitDirective.objects.filter(experiment_id=shadow.experiment_id).first()
    if directive is not None:
        _lead_out(directive, shadow, now)
        check_pair(shadow.experiment_id, now)


def end_without_shadow(engine: str, experiment_id: UUID, now: datetime) -> None:
    """Settle the directive of a real exit that came before its shadow engine declined: nothing is left to close.

    The lock closes this interleaving: the real exit looks for a refusal and finds none, the refusal
    looks for a directive and finds none, both commit, and the directive waits for nobody.
    """
    lock_experiment(experiment_id)
    directive = ExitDirective.objects.filter(
        experiment_id=experiment_id, shadow_engine=engine, state=DirectiveState.PENDING
    ).first()
    if directive is not None:
        _settle(directive, DirectiveState.NO_SHADOW, now)


def report_shadow_exit(
    engine: str, directive_id: int, report: ShadowExitReport, *, request_hash: str
) -> tuple[ExitDirective, bool]:
    """Close the shadow at its engine's own quotes as of the exit time and tell whether that is new.

    Raises `not_found` for the other engine's directive, `conflict` when another report settled it and
    `directive_settled` when no report did: its time was over, or the engine declined.
    """
    experiment_id = _experiment_of(engine, directive_id)
    # In a transaction of its own: the refusal of a report that came too late must not undo it.
    _expire(directive_id, experiment_id)
    with transaction.atomic():
        lock_experiment(experiment_id)
        directive = ExitDirective.objects.select_related("shadow_trade").get(pk=directive_id)
        if directive.state != DirectiveState.PENDING:
            _refuse_other(directive, request_hash)
            return directive, False
        shadow = directive.shadow_trade
        if shadow is None:
            raise DomainError("shadow_not_opened", "Report the opening of the shadow trade first.")
        now = database_time()
        _close_at_own_quotes(directive, shadow, report, now)
        _settle(directive, DirectiveState.PRICED, now, request_hash=request_hash)
        check_pair(experiment_id, now)
    return directive, True


def _refuse_other(directive: ExitDirective, request_hash: str) -> None:
    if directive.request_hash == request_hash:
        return
    if not directive.request_hash:
        raise DomainError("directive_settled", f"This exit is settled already: {directive.state}.")
    raise DomainError("conflict", "Another report stands for this exit; the first one counts.")


def expire_directives() -> int:
    """Settle the directives whose time is over and return how many: UNPRICED, or NO_SHADOW without a trade.

    Safe to run at any time and in several processes: each looks again under the experiment's lock.
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


def _experiment_of(engine: str, directive_id: int) -> UUID:
    found = ExitDirective.objects.filter(pk=directive_id, shadow_engine=engine).values_list("experiment_id").first()
    if found is None:
        raise not_found()
    experiment_id: UUID = found[0]
    return experiment_id


def _has_declined(directive: ExitDirective) -> bool:
    return Recommendation.objects.filter(
        experiment_id=directive.experiment_id, engine=directive.shadow_engine, action=Action.DECLINE
    ).exists()


def _lead_out(directive: ExitDirective, shadow: ShadowTrade, now: datetime) -> None:
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
        closing = _closing(directive, PriceProvenance.SAME_SNAPSHOT_QUOTE)
        close(shadow, replace(closing, leg_prices=prices, exit_price=price, quotes=judged), now)
        _settle(directive, DirectiveState.PRICED, now)


def _close_at_own_quotes(
    directive: ExitDirective, shadow: ShadowTrade, report: ShadowExitReport, now: datetime
) -> None:
    prices, price, judged = judge_shadow_exit(report, shadow.entered_legs, exit_time=directive.exit_time)
    closing = _closing(directive, PriceProvenance.OWN_FEED_QUOTE)
    close(shadow, replace(closing, leg_prices=prices, exit_price=price, quotes=judged, fees=report.fees), now)


def _close_unpriced(directive: ExitDirective, shadow: ShadowTrade, now: datetime) -> None:
    close(shadow, _closing(directive, PriceProvenance.UNPRICED), now)
    _settle(directive, DirectiveState.UNPRICED, now)


def _closing(directive: ExitDirective, provenance: PriceProvenance) -> Closing:
    """Return the part that every shadow exit copies from the real one."""
    return Closing(
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


def _log(directive: ExitDirective) -> None:
    SHADOW_EXIT_TRIGGERED.log(
        experiment_id=str(directive.experiment_id),
        engine=directive.shadow_engine,
        directive_id=directive.pk,
        exit_time=directive.exit_time.isoformat(),
        conditions_hash=directive.conditions_hash,
        state=directive.state,
        quote_flags=directive.quote_flags,
    )
