"""The exit of a shadow trade with the real one: same time, same market conditions, the same share (R4.2).

A directive is written in the transaction of each closing fill of the real trade. The worker prices it once neutral
quotes have had time to arrive; where no feeder could send any, it is priced at once. A shadow that nobody quotes waits
for its engine's own quotes as of the exit time, and ends UNPRICED when its time is over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from kernel.errors import DomainError
from kernel.events import SHADOW_EXIT_TRIGGERED
from kernel.rows import keep, new_row, related, update
from kernel.values import format_timestamp, plain_text
from outcomes.core.books import Fill, PositionKey, closed_share, in_force, ratios_of, shadow_quantity
from outcomes.core.quoting import QuoteFlag, quotes_by_instrument, read_quote
from outcomes.core.repeats import exit_in_full, report_hash
from outcomes.core.reports import ShadowExitReport, refuse_prices_better_than_quotes, reported_exit_prices
from outcomes.core.trades import Provenance, TradeFlag
from outcomes.models import (
    LIVE_STATUSES,
    SYNCHRONISED_REF,
    Action,
    DirectiveState,
    ExitDirective,
    ExitReason,
    RealTrade,
    Recommendation,
    ShadowTrade,
    TradeFill,
    TradeStatus,
)
from outcomes.services.case import Terms, database_time, lock_experiment, not_found
from outcomes.services.fills import (
    ExitFacts,
    NewFill,
    book_fill,
    books_of,
    check_pair,
    end_unpriced,
    entered_at,
    flag_if,
)
from outcomes.services.pricing import QUOTE_WAIT, ExitMoment, PricedLegs, exit_legs, refuse_bad_exit_quotes

OTHER_ENGINE = {"A": "B", "B": "A"}


def issue_directive(
    real: RealTrade, row: TradeFill, before: list[Fill], fill: Fill, *, is_last: bool, terms: Terms
) -> ExitDirective:
    """Direct the shadow to exit its share after a closing fill of the real trade, in the same transaction."""
    closed, open_before = closed_share(before, fill)
    waits = terms.feeder_is_active
    policy = terms.policy
    directive = new_row(
        ExitDirective,
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
    if shadow.status not in LIVE_STATUSES:
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
    for row in in_force(related(shadow, "fills")):
        for leg in row.legs:
            key = (leg["instrument"], leg["side"])
            moved = Decimal(leg["quantity"])
            found[key] = found.get(key, Decimal(0)) + (moved if leg["effect"] == "OPEN" else -moved)
    return found


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


# What changes of a directive; the rest repeats the real fill that it follows.
MOVING = (
    *("shadow_trade_id", "closing_legs", "quote_flags", "state"),
    *("tried_at", "expires_at", "settled_at", "request_hash"),
)


def price_directive(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
    """Close the shadow's share at the first source that has quotes, or leave it to wait for its engine's own."""
    wanted = _wanted(directive, shadow, terms)
    if not wanted:
        settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)
        _end_if_over(shadow, directive, terms)
        return
    priced = exit_legs(wanted, _moment(directive, shadow, terms))
    if priced is not None:
        _close(directive, shadow, priced, terms)
    elif directive.expires_at <= terms.now:
        settle(directive, DirectiveState.UNPRICED, terms.now)
        _end_if_over(shadow, directive, terms)
    else:
        directive.tried_at = terms.now
        keep(directive, MOVING)


def price_if_possible(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
    """Price now unless neutral quotes may still come; one at exactly the exit time is the best there can be."""
    if directive.state != DirectiveState.PENDING or shadow.status != TradeStatus.OPEN:
        return
    if directive.due_at > terms.now:
        priced = exit_legs(_wanted(directive, shadow, terms), _moment(directive, shadow, terms))
        exact = format_timestamp(directive.exit_time)
        if priced is None or any(source.get("quote", {}).get("quote_time") != exact for source in priced.sources):
            return
        if set(priced.provenances) != {Provenance.NEUTRAL_QUOTE}:
            return
    price_directive(directive, shadow, terms)


def report_shadow_exit(
    engine: str, experiment_id: UUID, number: int, report: ShadowExitReport
) -> tuple[ExitDirective, bool]:
    """Close the shadow's share at its engine's own quotes or settlements; the flag says whether that is new.

    Raises `not_found` for the other engine's directive, `conflict` when another report settled it and
    `directive_settled` when no report did: it was priced from other quotes, it expired, or the engine declined.
    """
    # Nobody tells its number before the neutral feed has had its turn: who guesses it would price it first. And who
    # has not answered yet would learn from it that the other engine's real trade is over.
    directive = ExitDirective.objects.filter(
        Exists(Recommendation.objects.filter(experiment_id=OuterRef("experiment_id"), engine=engine)),
        experiment_id=experiment_id,
        number=number,
        shadow_engine=engine,
        due_at__lte=database_time(),
    ).first()
    if directive is None:
        raise not_found()
    # In a transaction of its own: the refusal of a report that came too late must not undo it.
    settle_directive(directive.pk)
    with transaction.atomic():
        terms = lock_experiment(directive.experiment_id)
        directive = terms.directive(directive.pk)
        opened = directive.shadow_trade.legs if directive.shadow_trade else ()
        request_hash = report_hash(exit_in_full(report, opened, is_shadow=True), exit_time=directive.exit_time)
        if directive.state != DirectiveState.PENDING:
            # An engine that lost the answer sends its report again, and must be told the same.
            if directive.request_hash == request_hash:
                return directive, False
            if not directive.request_hash:
                raise DomainError(
                    "directive_settled", f"This exit directive has already been settled: {directive.state}."
                )
            raise DomainError("conflict", "A different report is already stored for this exit; the first counts.")
        shadow = directive.shadow_trade
        if shadow is None or shadow.status == TradeStatus.OPENING:
            raise DomainError("shadow_not_opened", "Report the opening of the shadow trade first.")
        if report.exit_time not in (None, directive.exit_time):
            raise DomainError(
                "exit_time_differs", "exit_time must equal the directive's, to the microsecond.", "/exit_time"
            )
        wanted = _wanted(directive, shadow, terms)
        reported = reported_exit_prices(wanted, report.legs)
        refuse_bad_exit_quotes(
            wanted,
            report.market_conditions,
            directive.exit_time,
            entered_at=entered_at(shadow),
            limit=terms.quote_limit,
        )
        moment = _moment(directive, shadow, terms, own=report.market_conditions)
        at_own_quotes = exit_legs(wanted, replace(moment, snapshot=None, takes_neutral=False))
        priced = exit_legs(wanted, moment)
        assert at_own_quotes is not None
        assert priced is not None
        refuse_prices_better_than_quotes(at_own_quotes.legs, ratios_of(shadow.legs), reported, report.exit_price)
        _close(directive, shadow, priced, terms, request_hash=request_hash)
    return directive, True


def settle_directive(key: Any) -> bool:
    """Price a directive that is due, or end one whose time is over; whether it left PENDING."""
    with transaction.atomic():
        found = ExitDirective.objects.filter(pk=key).values_list("experiment_id", flat=True).first()
        if found is None:
            return False
        # Read again under the lock: another worker or its engine may have settled it since it was found due.
        terms = lock_experiment(found)
        directive = terms.directive(int(key))
        if directive.state != DirectiveState.PENDING:
            return False
        shadow = directive.shadow_trade
        if shadow is None:
            if directive.expires_at <= terms.now:
                settle(directive, DirectiveState.NO_SHADOW, terms.now)
        elif shadow.status == TradeStatus.OPENING:
            return False
        elif directive.due_at <= terms.now:
            price_directive(directive, shadow, terms)
        return directive.state != DirectiveState.PENDING


def settle_declined(engine: str, terms: Terms) -> None:
    """Settle the directives of real exits that came before their shadow engine declined: there is nothing to close."""
    for directive in terms.directives:
        if directive.shadow_engine == engine and directive.state == DirectiveState.PENDING:
            settle(directive, DirectiveState.NO_SHADOW, terms.now)


def settle_directives_of_a_closed_shadow(shadow: ShadowTrade, terms: Terms) -> None:
    """Settle what waits for a shadow that has ended by itself."""
    for directive in terms.directives_of(shadow):
        if directive.state == DirectiveState.PENDING:
            settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)


def _wanted(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> dict[PositionKey, Decimal]:
    """What the directive closes, as far as it is still there: a contract may have ended in between."""
    held = books_of(shadow, terms.schedule).open_quantities() if shadow.status == TradeStatus.OPEN else {}
    wanted: dict[PositionKey, Decimal] = {}
    for leg in directive.closing_legs or ():
        key = (leg["instrument"], leg["side"])
        quantity = min(Decimal(leg["quantity"]), held.get(key, Decimal(0)))
        if quantity > 0:
            wanted[key] = quantity
    return wanted


def _moment(
    directive: ExitDirective, shadow: ShadowTrade, terms: Terms, own: dict[str, Any] | None = None
) -> ExitMoment:
    return ExitMoment(
        time=directive.exit_time,
        entered_at=entered_at(shadow),
        limit=terms.quote_limit,
        # A replayed feed answers when it is asked, so that its quotes count whenever they come.
        neutral_until=terms.now if terms.is_replayed else directive.issued_at + QUOTE_WAIT,
        claimed=Provenance(shadow.claimed_provenance),
        told=terms.clock,
        snapshot_told=replace(terms.clock, arrival=directive.issued_at),
        snapshot=directive.market_conditions,
        settled_for_real=[leg["instrument"] for leg in directive.real_fill.legs if "settlement" in leg],
        own=own,
        takes_neutral=terms.has_quotes,
    )


def _close(
    directive: ExitDirective, shadow: ShadowTrade, priced: PricedLegs, terms: Terms, *, request_hash: str = ""
) -> None:
    """Close the shadow's share as of the real fill: its time and its conditions, bit for bit."""
    directive.quote_flags = directive.quote_flags | priced.flags
    book_fill(
        shadow,
        NewFill(
            ref=SYNCHRONISED_REF.format(number=directive.number),
            time=directive.exit_time,
            legs=priced.legs,
            documents=priced.documents(),
            provenance=priced.provenance,
            reason=ExitReason.SYNCHRONISED,
            market_conditions=directive.market_conditions,
            request_hash=request_hash,
        ),
        terms.schedule,
        terms.now,
    )
    settle(directive, DirectiveState.DONE, terms.now, request_hash=request_hash)
    _end_if_over(shadow, directive, terms)


def _end_if_over(shadow: ShadowTrade, directive: ExitDirective, terms: Terms) -> None:
    """End a shadow whose last directive is settled although something is left that nobody priced; check the pair."""
    directives = terms.directives_of(shadow)
    last = next((each for each in directives if each.is_last), None)
    over = all(each.state != DirectiveState.PENDING for each in directives)
    if last is not None and over and shadow.status in LIVE_STATUSES:
        facts = ExitFacts(last.exit_time, ExitReason.SYNCHRONISED, last.conditions_hash)
        end_unpriced(shadow, facts, terms.schedule, terms.now)
    if shadow.status not in LIVE_STATUSES:
        check_pair(terms)


def settle(directive: ExitDirective, state: DirectiveState, now: datetime, *, request_hash: str = "") -> None:
    """Let a directive leave PENDING."""
    directive.state = state
    directive.settled_at = now
    directive.request_hash = request_hash
    keep(directive, MOVING)
