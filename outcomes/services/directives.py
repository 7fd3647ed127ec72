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

from django.db import transaction
from django.db.models import QuerySet

from experiments.models import SignalDistribution
from kernel.errors import DomainError
from kernel.events import SHADOW_EXIT_TRIGGERED
from kernel.values import format_timestamp, parse_instant, plain_text
from outcomes.core.books import Schedule
from outcomes.core.checks import read_settlements, refuse_impossible_settlement, refuse_unreadable_settlements
from outcomes.core.fills import Fill, PositionKey, closed_share, shadow_quantity
from outcomes.core.quoting import QuoteFlag, quotes_by_instrument, read_quote
from outcomes.core.reports import (
    ShadowExitReport,
    quote_error,
    refuse_prices_better_than_quotes,
    report_hash,
    reported_exit_prices,
)
from outcomes.core.trades import Provenance, TradeFlag
from outcomes.models import (
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
from outcomes.services.fills import ExitFacts, NewFill, book_fill, books_of, end_unpriced, flag_if, is_live
from outcomes.services.pricing import QUOTE_WAIT, ExitMoment, PricedLegs, exit_legs
from outcomes.services.quotes import feeder_is_active
from outcomes.services.transactions import Terms, database_time, lock_experiment, not_found
from outcomes.services.violations import check_pair

OTHER_ENGINE = {"A": "B", "B": "A"}
# Where only quantities are asked for.
_NO_FEES = Schedule(Decimal(0), Decimal(0))


def issue_directive(
    real: RealTrade, row: TradeFill, before: list[Fill], fill: Fill, *, is_last: bool, terms: Terms
) -> ExitDirective:
    """Direct the shadow to exit its share after a closing fill of the real trade, in the same transaction."""
    closed, open_before = closed_share(before, fill)
    earlier = ExitDirective.objects.filter(experiment_id=real.experiment_id).count()
    waits = feeder_is_active()
    policy = terms.policy
    directive = ExitDirective.objects.create(
        experiment_id=real.experiment_id,
        real_trade=real,
        real_fill=row,
        number=earlier + 1,
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
    of_the_shadow = {"experiment_id": real.experiment_id, "engine": directive.shadow_engine}
    shadow = ShadowTrade.objects.filter(**of_the_shadow).first()
    if shadow is not None:
        attach(directive, shadow, terms)
        _price_if_possible(directive, shadow, terms)
    elif Recommendation.objects.filter(**of_the_shadow, action=Action.DECLINE).exists():
        _settle(directive, DirectiveState.NO_SHADOW, terms.now)
    transaction.on_commit(lambda: _log_triggered(directive))
    return directive


def follow_directives(shadow: ShadowTrade, terms: Terms) -> None:
    """Let a shadow that has just been opened follow the real trade's closing fills that it was there for."""
    pending = ExitDirective.objects.filter(
        experiment_id=shadow.experiment_id, shadow_engine=shadow.engine, state=DirectiveState.PENDING
    )
    for directive in pending.order_by("number"):
        if terms.is_replayed:
            attach(directive, shadow, terms)
            _price_if_possible(directive, shadow, terms)
        else:
            # Closing fills that arrived before it do not concern it.
            _settle(directive, DirectiveState.NO_SHADOW, terms.now)


def attach(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
    """Name the shadow of a directive and what it closes of it; the directive's time begins now."""
    directive.shadow_trade = shadow
    if TradeFlag.AFTER_REAL_EXIT in shadow.flags:
        _settle(directive, DirectiveState.NO_SHADOW, terms.now)
        return
    if not is_live(shadow):
        _settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)
        return
    if _leave_out_what_came_before(directive, shadow, terms):
        return
    directive.expires_at = terms.now + timedelta(seconds=terms.policy.exit_directive_ttl_seconds)
    _share_out(directive, shadow)
    if directive.closing_legs:
        directive.save()
    else:
        _settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)


def _share_out(directive: ExitDirective, shadow: ShadowTrade) -> None:
    """What the directive closes of the shadow: its share of what earlier directives leave."""
    left = _held(shadow)
    others = ExitDirective.objects.filter(shadow_trade=shadow, number__lt=directive.number)
    for other in others.exclude(state__in=(DirectiveState.DONE, DirectiveState.ALREADY_CLOSED)):
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
    for row in shadow.fills.all():
        for leg in row.legs:
            key = (leg["instrument"], leg["side"])
            moved = Decimal(leg["quantity"])
            found[key] = found.get(key, Decimal(0)) + (moved if leg["effect"] == "OPEN" else -moved)
    return found


def price_directive(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
    """Close the shadow's share at the first source that has quotes, or leave it to wait for its engine's own."""
    wanted = _wanted(directive, shadow)
    if not wanted:
        _settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)
        _end_if_over(shadow, directive, terms)
        return
    priced = exit_legs(wanted, _moment(directive, shadow, terms))
    if priced is not None:
        _close(directive, shadow, priced, terms)
    elif directive.expires_at <= terms.now:
        _settle(directive, DirectiveState.UNPRICED, terms.now)
        _end_if_over(shadow, directive, terms)
    else:
        directive.tried_at = terms.now
        directive.save(update_fields=("tried_at",))


def _price_if_possible(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> None:
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


def pending_directives(engine: str) -> QuerySet[ExitDirective]:
    """The exits that this engine's open shadow trades have yet to price, oldest first (R4.2)."""
    now = database_time()
    return (
        ExitDirective.objects.filter(
            shadow_engine=engine,
            state=DirectiveState.PENDING,
            shadow_trade__status=TradeStatus.OPEN,
            due_at__lte=now,
            expires_at__gt=now,
        )
        .select_related("shadow_trade")
        .order_by("id")
    )


def report_shadow_exit(engine: str, directive_id: int, report: ShadowExitReport) -> tuple[ExitDirective, bool]:
    """Close the shadow's share at its engine's own quotes or settlements; the flag says whether that is new.

    Raises `not_found` for the other engine's directive, `conflict` when another report settled it and
    `directive_settled` when no report did: it was priced from other quotes, it expired, or the engine declined.
    """
    directive = ExitDirective.objects.filter(pk=directive_id, shadow_engine=engine).first()
    if directive is None:
        raise not_found()
    # In a transaction of its own: the refusal of a report that came too late must not undo it.
    settle_directive(directive_id)
    with transaction.atomic():
        terms = Terms.of(lock_experiment(directive.experiment_id))
        directive = ExitDirective.objects.select_related("shadow_trade").get(pk=directive_id)
        request_hash = report_hash(report, exit_time=directive.exit_time)
        if directive.state != DirectiveState.PENDING:
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
            entered_at=shadow.entry_time,
            terms=terms,
        )
        moment = _moment(directive, shadow, terms, own=report.market_conditions)
        at_own_quotes = exit_legs(wanted, replace(moment, snapshot=None, takes_neutral=False))
        priced = exit_legs(wanted, moment)
        assert at_own_quotes is not None
        assert priced is not None
        refuse_prices_better_than_quotes(at_own_quotes.legs, reported, report.exit_price)
        _close(directive, shadow, priced, terms, request_hash=request_hash)
    return directive, True


def refuse_bad_exit_quotes(
    wanted: dict[PositionKey, Decimal],
    conditions: dict[str, Any],
    exit_time: datetime,
    *,
    entered_at: datetime,
    terms: Terms,
) -> None:
    """Raise for quotes and settlements that a shadow's own report must not hold, and for a leg without either."""
    refuse_unreadable_settlements(conditions)
    settlements = read_settlements(conditions)
    for instrument, side in wanted:
        if instrument in settlements:
            settlement = settlements[instrument]
            refuse_impossible_settlement(instrument, side, settlement)
            if not entered_at <= settlement.settled_at <= exit_time:
                detail = f"{instrument}: settled_at lies before the entry or after the exit."
                raise DomainError("settlement_impossible", detail, f"/settlements/{instrument}")
    quotes = quotes_by_instrument(conditions.get("quotes"))
    names = {instrument for instrument, _ in wanted} - set(settlements)
    selling = {instrument for instrument, side in wanted if side == "LONG"}
    for instrument in sorted(names | set(quotes)):
        read = read_quote(
            quotes.get(instrument),
            exit_time,
            max_age=terms.quote_limit,
            not_before=entered_at,
            sells=instrument in selling,
        )
        if not isinstance(read, QuoteFlag):
            continue
        if instrument in names or read in (QuoteFlag.LOOKAHEAD, QuoteFlag.CROSSED):
            raise quote_error(instrument, read, "/quotes")


def settle_directive(directive_id: int) -> bool:
    """Price a directive that is due, or end one whose time is over; whether it left PENDING."""
    with transaction.atomic():
        found = ExitDirective.objects.filter(pk=directive_id).values_list("experiment_id", flat=True).first()
        if found is None:
            return False
        terms = Terms.of(lock_experiment(found))
        directive = (
            ExitDirective.objects.filter(pk=directive_id, state=DirectiveState.PENDING)
            .select_related("shadow_trade")
            .first()
        )
        if directive is None:
            return False
        shadow = directive.shadow_trade
        if shadow is None:
            if directive.expires_at <= terms.now:
                _settle(directive, DirectiveState.NO_SHADOW, terms.now)
        elif shadow.status == TradeStatus.OPENING:
            return False
        elif directive.due_at <= terms.now:
            price_directive(directive, shadow, terms)
        return directive.state != DirectiveState.PENDING


def settle_declined(engine: str, experiment_id: Any, now: datetime) -> None:
    """Settle the directives of real exits that came before their shadow engine declined: there is nothing to close.

    Without the lock, this interleaving leaves a directive that waits for nobody:

    - The real exit looks for a decline and finds none.
    - The decline looks for a directive and finds none.
    - Both commit.
    """
    lock_experiment(experiment_id)
    for directive in ExitDirective.objects.filter(
        experiment_id=experiment_id, shadow_engine=engine, state=DirectiveState.PENDING
    ):
        _settle(directive, DirectiveState.NO_SHADOW, now)


def settle_directives_of_a_closed_shadow(shadow: ShadowTrade, terms: Terms) -> None:
    """Settle what waits for a shadow that has ended by itself."""
    for directive in ExitDirective.objects.filter(shadow_trade=shadow, state=DirectiveState.PENDING):
        _settle(directive, DirectiveState.ALREADY_CLOSED, terms.now)


def entered_at(shadow: ShadowTrade) -> datetime:
    """When the shadow is in the market: a neutral entry is as late as the quotes that price it."""
    quotes = [leg["quote"]["quote_time"] for row in shadow.fills.filter(number=1) for leg in row.legs]
    return max([shadow.entry_time, *map(parse_instant, quotes)])


def real_trade_has_ended(terms: Terms, entered: datetime) -> bool:
    """Whether the pair had ended before a shadow opens: by arrival, of a replayed signal by the times of the market.

    A replayed shadow whose directive waited in vain, for as long as an answer in time can take, comes too late as well.
    """
    last = ExitDirective.objects.filter(experiment_id=terms.decision.pk, is_last=True).first()
    if last is None:
        return False
    return not terms.is_replayed or entered > last.exit_time or last.state != DirectiveState.PENDING


def real_trade_may_come(terms: Terms) -> bool:
    """Whether there is a real trade for a shadow to follow, or can still be one."""
    decision = terms.decision
    executed = decision.executed_engine
    if executed is None:
        return False
    if RealTrade.objects.filter(experiment_id=decision.pk).exists():
        return True
    answer = Recommendation.objects.filter(experiment_id=decision.pk, engine=executed).first()
    if answer is None:
        distributed = SignalDistribution.objects.get(experiment_id=decision.pk, engine=executed).distributed_at
        return terms.now <= distributed + timedelta(seconds=terms.policy.max_answer_age_seconds)
    if answer.permit_expires_at is None:
        return False
    return terms.now <= answer.permit_expires_at + terms.report_delay


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
        entered_at=shadow.entry_time,
        limit=terms.quote_limit,
        # A replayed feed answers when it is asked, so that its quotes count whenever they come.
        neutral_until=terms.now if terms.is_replayed else directive.issued_at + QUOTE_WAIT,
        claimed=Provenance(shadow.claimed_provenance),
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
    _settle(directive, DirectiveState.DONE, terms.now, request_hash=request_hash)
    _end_if_over(shadow, directive, terms)


def _end_if_over(shadow: ShadowTrade, directive: ExitDirective, terms: Terms) -> None:
    """End a shadow whose last directive is settled although something is left that nobody priced; check the pair."""
    directives = ExitDirective.objects.filter(shadow_trade=shadow)
    over = directives.filter(is_last=True).exists() and not directives.filter(state=DirectiveState.PENDING).exists()
    if over and is_live(shadow):
        last = directives.get(is_last=True)
        facts = ExitFacts(last.exit_time, ExitReason.SYNCHRONISED, last.conditions_hash)
        end_unpriced(shadow, facts, terms.schedule, terms.now)
    if not is_live(shadow):
        check_pair(terms)


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


def _settle(directive: ExitDirective, state: DirectiveState, now: datetime, *, request_hash: str = "") -> None:
    directive.state = state
    directive.settled_at = now
    directive.request_hash = request_hash
    directive.save()


def follow_entry_quote(shadow: ShadowTrade, terms: Terms) -> None:
    """Bring the directives of a shadow in line with the quote that priced its entry.

    Its entry is as late as that quote, whenever it was reported: what the real trade closed before does not concern it,
    and where that was all, it opened after the real exit.
    """
    pending = ExitDirective.objects.filter(shadow_trade=shadow, state=DirectiveState.PENDING).order_by("number")
    for directive in pending:
        if not _leave_out_what_came_before(directive, shadow, terms):
            _share_out(directive, shadow)
            directive.save()


def _leave_out_what_came_before(directive: ExitDirective, shadow: ShadowTrade, terms: Terms) -> bool:
    """Settle a directive whose exit is before the shadow's entry; after the last one there is nothing to follow."""
    if entered_at(shadow) <= directive.exit_time:
        return False
    if directive.is_last:
        flag_if(shadow, TradeFlag.AFTER_REAL_EXIT, holds=True)
        shadow.save(update_fields=("flags",))
    directive.closing_legs = []
    _settle(directive, DirectiveState.NO_SHADOW, terms.now)
    return True
