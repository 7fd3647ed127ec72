"""The exit of a shadow trade with the real one: same time, same market conditions, the same share (R4.2).

A directive is written in the transaction of each closing fill of the real trade. The worker prices it once neutral
quotes have had time to arrive; where no feeder could send any, it is priced at once. A shadow that nobody quotes waits
for its engine's own quotes as of the exit time, and ends UNPRICED when its time is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from kernel.events import SHADOW_EXIT_TRIGGERED
from kernel.rows import keep, update
from kernel.values import format_timestamp, plain_text
from outcomes.core.books import Fill, PositionKey, closed_share, in_force, shadow_quantity
from outcomes.core.quoting import QuoteFlag, quotes_by_instrument, read_quote
from outcomes.core.trades import TradeFlag
from outcomes.models import (
    Action,
    DirectiveState,
    ExitDirective,
    RealTrade,
    ShadowTrade,
    TradeFill,
    TradeStatus,
)
from outcomes.services.case import Terms
from outcomes.services.fills import entered_at, flag_if
from outcomes.services.pricing import QUOTE_WAIT
from outcomes.services.settling import MOVING, price_if_possible, settle
from outcomes.services.transactions import database_time
from policies.selectors import answer_by

OTHER_ENGINE = {"A": "B", "B": "A"}


def issue_directive(
    real: RealTrade, row: TradeFill, before: list[Fill], fill: Fill, *, is_last: bool, terms: Terms
) -> ExitDirective:
    """Direct the shadow to exit its share after a closing fill of the real trade, in the same transaction."""
    closed, open_before = closed_share(before, fill)
    waits = terms.feeder_is_active
    policy = terms.policy
    directive = ExitDirective(
        experiment_id=real.experiment_id,
        real_trade=real,
        real_fill=row,
        number=len(terms.directives) + 1,
        closed_quantity=closed,
        open_quantity=open_before,
        is_last=is_last,
        shadow_engine=OTHER_ENGINE[real.engine],
        exit_time=row.time,
        market_conditions=row.market_conditions,
        conditions_hash=row.conditions_hash,
        quote_flags=_flags(row.market_conditions, row.time, terms),
        issued_at=terms.now,
        due_at=terms.now + QUOTE_WAIT if waits else terms.now,
        # Until its shadow exists: the answer and the opening may still come.
        expires_at=terms.now + timedelta(seconds=policy.max_answer_age_seconds + policy.entry_window_seconds),
    )
    terms.direct(directive, {row.pk: row}, {real.pk: real})
    shadow = terms.shadows.get(directive.shadow_engine)
    answer = terms.recommendations.get(directive.shadow_engine)
    if shadow is not None:
        attach(directive, shadow, terms)
        price_if_possible(directive, shadow, terms)
    elif answer is not None and answer.action == Action.DECLINE:
        settle(directive, DirectiveState.NO_SHADOW, terms.now)
    if directive.state == DirectiveState.PENDING:
        keep(directive, MOVING)
    # Nothing is logged of a directive that a rollback takes back with its fill.
    transaction.on_commit(lambda: _log_triggered(directive))
    return directive


def follow_directives(shadow: ShadowTrade, terms: Terms) -> None:
    """Let a shadow that has just been opened follow the real trade's closing fills that it was there for."""
    # In their order: each takes its share of what the ones before it leave.
    for directive in terms.directives:
        if directive.shadow_engine != shadow.engine or directive.state != DirectiveState.PENDING:
            continue
        if terms.is_replayed:
            attach(directive, shadow, terms)
            price_if_possible(directive, shadow, terms)
            if directive.state == DirectiveState.PENDING:
                keep(directive, MOVING)
        else:
            # Closing fills that arrived before it do not concern it.
            settle(directive, DirectiveState.NO_SHADOW, terms.now)


def pending_directives(engine: str) -> QuerySet[ExitDirective]:
    """The exits that this engine's open shadow trades have yet to price, oldest first (R4.2)."""
    now = database_time()
    return (
        ExitDirective.objects.filter(
            shadow_engine=engine,
            state=DirectiveState.PENDING,
            shadow_trade__status=TradeStatus.OPEN,
            # Until then the neutral feed has its turn; an engine's own quotes are second best.
            due_at__lte=now,
            expires_at__gt=now,
        )
        .select_related("shadow_trade")
        .order_by("id")
    )


def attach(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
    """Name the shadow of a directive and what it closes of it; its time begins now.

    The caller stores a directive that still waits.
    """
    directive.shadow_trade = shadow
    if TradeFlag.AFTER_REAL_EXIT in shadow.flags:
        settle(directive, DirectiveState.NO_SHADOW, terms.now)
        return
    if not shadow.is_live:
        settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)
        return
    if _leave_out_what_came_before(directive, shadow, terms):
        return
    # From now, not from the exit: its engine could not have priced what it did not hold yet.
    directive.expires_at = terms.now + timedelta(seconds=terms.policy.exit_directive_ttl_seconds)
    share_out(directive, shadow, terms)
    if not directive.closing_legs:
        settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)


def share_out(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
    """What the directive closes of the shadow: its share of what earlier directives leave."""
    left = _held(shadow)
    for other in terms.directives_of(shadow):
        if other.number >= directive.number or other.state in (DirectiveState.DONE, DirectiveState.ALREADY_CLOSED):
            continue
        for leg in other.closing_legs or ():
            left[leg["instrument"], leg["side"]] -= Decimal(leg["quantity"])
    share = (directive.closed_quantity, directive.open_quantity)
    closing = {key: shadow_quantity(quantity, share, is_last=directive.is_last) for key, quantity in left.items()}
    directive.closing_legs = [
        {"instrument": instrument, "side": side, "quantity": plain_text(quantity)}
        for (instrument, side), quantity in closing.items()
        if quantity > 0
    ]


def _held(shadow: ShadowTrade) -> dict[PositionKey, Decimal]:
    """What the shadow holds; while it is OPENING, what it will."""
    found: dict[PositionKey, Decimal] = {}
    if shadow.status == TradeStatus.OPENING:
        for leg in shadow.legs:
            found[leg["instrument"], leg["side"]] = leg["ratio"] * shadow.quantity
        return found
    for row in in_force(shadow.fills.all()):
        for leg in row.legs:
            key = (leg["instrument"], leg["side"])
            moved = Decimal(leg["quantity"])
            found[key] = found.get(key, Decimal(0)) + (moved if leg["effect"] == "OPEN" else -moved)
    return found


def real_trade_has_ended(terms: Terms, entered: datetime) -> bool:
    """Whether the pair had ended before a shadow opens: by arrival, of a replayed signal by the times of the market.

    A replayed shadow whose directive waited in vain, for as long as an answer in time can take, comes too late as well.
    """
    last = next((directive for directive in terms.directives if directive.is_last), None)
    if last is None:
        return False
    return not terms.is_replayed or entered > last.exit_time or last.state != DirectiveState.PENDING


def real_trade_may_come(terms: Terms) -> bool:
    """Whether there is a real trade for a shadow to follow, or can still be one."""
    executed = terms.decision.executed_engine
    # Nobody trades for real: both are shadows, and each leaves by its own rules.
    if executed is None:
        return False
    # One that was busted whole leads nobody.
    if terms.real is not None and terms.real.status != TradeStatus.UNPRICED:
        return True
    answer = terms.recommendations.get(executed)
    if answer is None:
        return terms.now <= answer_by(terms.policy, terms.distributed[executed])
    # It declined, or was told to be a shadow.
    if answer.permit_expires_at is None:
        return False
    # A trade entered within its permit may be reported a little after it.
    return terms.now <= answer.permit_expires_at + terms.report_delay


def _flags(conditions: dict[str, Any], exit_time: datetime, terms: Terms) -> dict[str, str]:
    """What is wrong with the quotes of a real exit, for its engine to see."""
    read = {
        instrument: read_quote(raw, exit_time, max_age=terms.quote_limit)
        for instrument, raw in quotes_by_instrument(conditions.get("quotes")).items()
    }
    return {instrument: flag.value for instrument, flag in read.items() if isinstance(flag, QuoteFlag)}


def _log_triggered(directive: ExitDirective) -> None:
    SHADOW_EXIT_TRIGGERED.log(
        experiment_id=str(directive.experiment_id),
        engine=directive.shadow_engine,
        directive_id=directive.pk,
        exit_time=format_timestamp(directive.exit_time),
        conditions_hash=directive.conditions_hash,
        state=directive.state,
        quote_flags=directive.quote_flags,
    )


def follow_entry_quote(shadow: ShadowTrade, terms: Terms) -> None:
    """Bring the directives of a shadow in line with the quote that priced its entry.

    Its entry is as late as that quote, whenever it was reported: what the real trade closed before does not concern it,
    and where that was all, it opened after the real exit.
    """
    for directive in terms.directives_of(shadow):
        if directive.state != DirectiveState.PENDING or _leave_out_what_came_before(directive, shadow, terms):
            continue
        share_out(directive, shadow, terms)
        keep(directive, MOVING)


def _leave_out_what_came_before(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> bool:
    """Settle a directive whose exit is before the shadow's entry; after the last one there is nothing to follow."""
    if entered_at(shadow) <= directive.exit_time:
        return False
    if directive.is_last:
        flag_if(shadow, TradeFlag.AFTER_REAL_EXIT, holds=True)
        update(shadow, ("flags",))
    directive.closing_legs = []
    settle(directive, DirectiveState.NO_SHADOW, terms.now)
    return True
