"""Settling exit directives: at the first quotes there are, at the engine's own, or when their time is over (R4.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from kernel.errors import DomainError
from kernel.rows import keep
from kernel.values import format_timestamp
from outcomes.core.books import PositionKey, Schedule
from outcomes.core.reports import (
    ShadowExitReport,
    refuse_prices_better_than_quotes,
    report_hash,
    reported_exit_prices,
)
from outcomes.core.trades import Provenance
from outcomes.models import (
    SYNCHRONISED_REF,
    DirectiveState,
    ExitDirective,
    ExitReason,
    Recommendation,
    ShadowTrade,
    TradeStatus,
)
from outcomes.services.case import Terms, lock_experiment, not_found
from outcomes.services.fills import (
    ExitFacts,
    NewFill,
    book_fill,
    books_of,
    check_pair,
    end_unpriced,
    entered_at,
)
from outcomes.services.pricing import QUOTE_WAIT, ExitMoment, PricedLegs, exit_legs, refuse_bad_exit_quotes
from outcomes.services.transactions import database_time

# What changes of a directive; the rest repeats the real fill that it follows.
MOVING = (
    *("shadow_trade", "closing_legs", "quote_flags", "state", "tried_at", "expires_at", "settled_at", "request_hash"),
)
# Where only quantities are asked for.
_NO_FEES = Schedule(Decimal(0), Decimal(0))


def price_directive(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
    """Close the shadow's share at the first source that has quotes, or leave it to wait for its engine's own."""
    wanted = _wanted(directive, shadow)
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
        priced = exit_legs(_wanted(directive, shadow), _moment(directive, shadow, terms))
        exact = format_timestamp(directive.exit_time)
        if priced is None or any(source.get("quote", {}).get("quote_time") != exact for source in priced.sources):
            return
        if set(priced.provenances) != {Provenance.NEUTRAL_QUOTE}:
            return
    price_directive(directive, shadow, terms)


def report_shadow_exit(engine: str, directive_id: int, report: ShadowExitReport) -> tuple[ExitDirective, bool]:
    """Close the shadow's share at its engine's own quotes or settlements; the flag says whether that is new.

    Raises `not_found` for the other engine's directive, `conflict` when another report settled it and
    `directive_settled` when no report did: it was priced from other quotes, it expired, or the engine declined.
    """
    # Nobody tells its number before the neutral feed has had its turn: who guesses it would price it first. And who
    # has not answered yet would learn from it that the other engine's real trade is over.
    directive = ExitDirective.objects.filter(
        Exists(Recommendation.objects.filter(experiment_id=OuterRef("experiment_id"), engine=engine)),
        pk=directive_id,
        shadow_engine=engine,
        due_at__lte=database_time(),
    ).first()
    if directive is None:
        raise not_found()
    # In a transaction of its own: the refusal of a report that came too late must not undo it.
    settle_directive(directive_id)
    with transaction.atomic():
        terms = lock_experiment(directive.experiment_id)
        directive = terms.directive(directive_id)
        request_hash = report_hash(report, exit_time=directive.exit_time)
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
        wanted = _wanted(directive, shadow)
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
        refuse_prices_better_than_quotes(at_own_quotes.legs, reported, report.exit_price)
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


def _wanted(directive: ExitDirective, shadow: ShadowTrade) -> dict[PositionKey, Decimal]:
    """What the directive closes, as far as it is still there: a contract may have ended in between."""
    held = books_of(shadow, _NO_FEES).open_quantities() if shadow.status == TradeStatus.OPEN else {}
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
    if last is not None and over and shadow.is_live:
        facts = ExitFacts(last.exit_time, ExitReason.SYNCHRONISED, last.conditions_hash)
        end_unpriced(shadow, facts, terms.schedule, terms.now)
    if not shadow.is_live:
        check_pair(terms)


def settle(directive: ExitDirective, state: DirectiveState, now: datetime, *, request_hash: str = "") -> None:
    """Let a directive leave PENDING."""
    directive.state = state
    directive.settled_at = now
    directive.request_hash = request_hash
    keep(directive, MOVING)
