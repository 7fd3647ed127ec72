"""How a shadow ends by its own engine's reports: its own exit, and contracts that have ended (R4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from kernel.canonical import document_hash
from kernel.errors import DomainError
from kernel.rows import insert, new_row, related, update
from kernel.sql import load
from kernel.values import plain_text
from outcomes.core.amendments import succession
from outcomes.core.books import Fill, LegFill, keep_books, positions, ratios_of
from outcomes.core.checks import (
    CLOCK_SKEW,
    Settlement,
    has_run_out,
    read_settlements,
    refuse_impossible_settlement,
    refuse_unreadable_settlements,
)
from outcomes.core.quoting import weakest
from outcomes.core.reports import (
    ExitReport,
    FillReport,
    refuse_claim,
    refuse_prices_better_than_quotes,
    reported_exit_prices,
)
from outcomes.core.trades import Provenance, TradeFlag
from outcomes.models import (
    EXIT,
    LIVE_STATUSES,
    DirectiveState,
    OwnExit,
    OwnExitState,
    ShadowTrade,
    TradeStatus,
)
from outcomes.services.case import Terms
from outcomes.services.directives import settle_directives_of_a_closed_shadow
from outcomes.services.fills import (
    ExitFacts,
    NewFill,
    book_fill,
    books_of,
    check_pair,
    core_fill,
    end_unpriced,
    entered_at,
    flag_if,
    stored_fills,
)
from outcomes.services.openings import refuse_untimely
from outcomes.services.pricing import (
    QUOTE_WAIT,
    ExitMoment,
    exit_legs,
    refuse_bad_exit_quotes,
    settlement_provenance,
)
from outcomes.services.refusals import conflicting_report

# A statement, so that the worker and the feeder's requests count by the same days.
OWN_EXIT_DAYS = load(__file__, "own_exit_days.sql")


# What the pricing says of an own exit.
PRICED = ("priced_at", "state", "legs", "price_provenance", "fees", "pnl", "violations")


def settle_contracts(trade: ShadowTrade, report: FillReport, terms: Terms, request_hash: str) -> None:
    """Book the end of a shadow's contracts: natural, so it waits for nobody."""
    refuse_unreadable_settlements(report.market_conditions)
    settlements = read_settlements(report.market_conditions)
    for leg in report.legs:
        if leg.instrument in settlements:
            refuse_impossible_settlement(leg.instrument, leg.side, settlements[leg.instrument])
    if any(leg.effect == "OPEN" or not _has_run_out(leg.instrument, settlements) for leg in report.legs):
        raise DomainError(
            "shadow_follows_real",
            "A shadow exits when the real trade does; only an expired contract can be settled earlier.",
            "/legs",
        )
    if trade.status == TradeStatus.OPENING:
        raise DomainError("entry_not_priced", "The entry is being priced; retry in a few seconds.")
    wanted = {(leg.instrument, leg.side): leg.quantity for leg in report.legs}
    if _must_follow_before(trade, max(settlements[leg.instrument].settled_at for leg in report.legs), terms):
        detail = "The real trade closed before the contract ended, and the shadow with it; an exit can still be kept."
        raise DomainError("shadow_follows_real", detail, "/legs")
    _book_settlements(trade, wanted, report, terms, request_hash)


def _has_run_out(instrument: str, settlements: Mapping[str, Settlement]) -> bool:
    """Whether a settlement says so that can be true; what else it says is judged when it is booked."""
    return instrument in settlements and has_run_out(instrument, settlements[instrument])


def _must_follow_before(trade: ShadowTrade, moment: datetime, terms: Terms) -> bool:
    """Whether a closing fill of the real trade from before the moment still waits for the shadow to follow."""
    return any(
        directive.state == DirectiveState.PENDING and directive.exit_time < moment
        for directive in terms.directives_of(trade)
    )


def _book_settlements(
    trade: ShadowTrade,
    wanted: dict[tuple[str, str], Decimal],
    report: FillReport | ExitReport,
    terms: Terms,
    request_hash: str,
) -> None:
    conditions = report.market_conditions
    if isinstance(report, ExitReport):
        ref, reason, told, pointer = EXIT, report.exit_reason, report.exit_time, "/exit_time"
    else:
        ref, reason, told, pointer = report.fill_ref, report.reason, report.time, "/time"
    # By our clock alone: a replayed contract may end long after the source's last alert.
    if told > terms.now + CLOCK_SKEW:
        raise DomainError("time_in_future", "The time is in the future; check the engine's clock.", pointer)
    refuse_bad_exit_quotes(wanted, conditions, told, entered_at=entered_at(trade), limit=terms.quote_limit)
    settlements = read_settlements(conditions)
    legs, documents, provenances = [], [], []
    for (instrument, side), quantity in wanted.items():
        settlement = settlements[instrument]
        leg = LegFill(instrument, "CLOSE", side, quantity, settlement.price)
        legs.append(leg)
        documents.append(leg.document() | {"settlement": settlement.document()})
        provenances.append(settlement_provenance(instrument, settlement, terms.quote_limit, terms.clock))
    book_fill(
        trade,
        NewFill(
            ref=ref,
            time=max(settlements[instrument].settled_at for instrument, _ in wanted),
            legs=legs,
            documents=documents,
            provenance=weakest(provenances).value,
            reason=reason,
            market_conditions=conditions,
            request_hash=request_hash,
        ),
        terms.schedule,
        terms.now,
    )
    if trade.status not in LIVE_STATUSES:
        if not terms.real_trade_may_come():
            flag_if(trade, TradeFlag.UNPAIRED, holds=True)
            update(trade, ("flags",))
        settle_directives_of_a_closed_shadow(trade, terms)
        check_pair(terms)


def exit_of_a_shadow(
    trade: ShadowTrade, report: ExitReport, terms: Terms, request_hash: str
) -> tuple[ShadowTrade, int]:
    """Keep a shadow's own exit, and close the shadow by it where it may; the HTTP status tells which."""
    first: OwnExit | None = getattr(trade, "own_exit", None)
    settled = next((row for row in related(trade, "fills") if row.fill_ref == EXIT), None)
    known = first.request_hash if first is not None else settled.request_hash if settled is not None else None
    if known is not None:
        if known != request_hash:
            raise conflicting_report("A different exit is already stored for this trade; the first counts.")
        return trade, 202 if trade.status in LIVE_STATUSES or trade.exit_reason == "SYNCHRONISED" else 200
    refuse_claim(report.price_provenance, is_shadow=True)
    if report.exit_time < trade.entry_time:
        raise DomainError(
            "exit_before_entry", "exit_time is before the trade's entry_time; check the engine's clock.", "/exit_time"
        )
    left = books_of(trade, terms.schedule).open_quantities() if trade.status == TradeStatus.OPEN else {}
    settlements = read_settlements(report.market_conditions)
    ended = [settlements[instrument].settled_at for instrument, _ in left if _has_run_out(instrument, settlements)]
    if ended and len(ended) == len(left) and not _must_follow_before(trade, max(ended), terms):
        reported_exit_prices(left, report.legs)
        _book_settlements(trade, left, report, terms, request_hash)
        price_own_exit(_keep_own_exit(trade, report, terms, request_hash, due_at=terms.now), trade, terms)
        return trade, 200
    with connection.cursor() as cursor:
        cursor.execute(OWN_EXIT_DAYS)
        (days,) = cursor.fetchone()
    if terms.now > trade.opened_at + timedelta(days=days):
        raise DomainError("own_exit_too_late", f"Own exits are accepted for {days} days after the entry.")
    refuse_untimely(terms, report.exit_time, "/exit_time")
    opened = _opened(trade, report.exit_time)
    conditions, limit = report.market_conditions, terms.quote_limit
    refuse_bad_exit_quotes(opened, conditions, report.exit_time, entered_at=entered_at(trade), limit=limit)
    reported = reported_exit_prices(opened, report.legs)
    at_own_quotes = exit_legs(opened, replace(_own_moment(trade, report, terms), takes_neutral=False))
    assert at_own_quotes is not None
    refuse_prices_better_than_quotes(at_own_quotes.legs, ratios_of(trade.legs), reported, report.exit_price)
    waits = terms.feeder_is_active
    own = _keep_own_exit(trade, report, terms, request_hash, due_at=terms.now + QUOTE_WAIT if waits else terms.now)
    if not waits and trade.status != TradeStatus.OPENING:
        price_own_exit(own, trade, terms)
        leave_unpaired(trade, own, terms)
    return trade, 202 if trade.status in LIVE_STATUSES or trade.exit_reason == "SYNCHRONISED" else 200


def _opening(trade: ShadowTrade, at: datetime) -> list[Fill]:
    """The entry of a shadow, and what splits and new names had made of the whole of it by then."""
    fills: list[Fill] = []
    for row in stored_fills(trade):
        if row.number == 1:
            fills.append(core_fill(row))
        elif row.is_succession and row.amendment is not None and row.time <= at:
            named = row.amendment.values["successor"]
            held = {key: position.open for key, position in positions(fills).items() if position.open}
            names = {"instrument": named["instrument"], "becomes": named["becomes"]}
            fills.append(succession(row.fill_ref, held, **names, ratio=Decimal(named["ratio"])))
    return fills


def _opened(trade: ShadowTrade, at: datetime) -> dict[tuple[str, str], Decimal]:
    """The whole opened quantity, for an own exit; while it is OPENING, what it will be."""
    if trade.status == TradeStatus.OPENING:
        return {(leg["instrument"], leg["side"]): leg["ratio"] * trade.quantity for leg in trade.legs}
    return {key: position.open for key, position in positions(_opening(trade, at)).items() if position.open}


def _own_moment(trade: ShadowTrade, report: ExitReport | OwnExit, terms: Terms) -> ExitMoment:
    reported_at = report.reported_at if isinstance(report, OwnExit) else terms.now
    claimed = report.claimed_provenance if isinstance(report, OwnExit) else report.price_provenance
    return ExitMoment(
        time=report.exit_time,
        entered_at=entered_at(trade),
        limit=terms.quote_limit,
        neutral_until=terms.now if terms.is_replayed else reported_at + QUOTE_WAIT,
        claimed=Provenance(claimed or trade.claimed_provenance),
        told=replace(terms.clock, arrival=reported_at),
        own=report.market_conditions,
    )


def _keep_own_exit(trade: ShadowTrade, report: ExitReport, terms: Terms, request_hash: str, *, due_at: Any) -> OwnExit:
    own = new_row(
        OwnExit,
        trade=trade,
        experiment_id=trade.experiment_id,
        engine=trade.engine,
        exit_time=report.exit_time,
        exit_reason=report.exit_reason,
        market_conditions=report.market_conditions,
        conditions_hash=document_hash(report.market_conditions),
        claimed_provenance=report.price_provenance or trade.claimed_provenance,
        state=OwnExitState.PENDING,
        reported_at=terms.now,
        due_at=due_at,
        request_hash=request_hash,
    )
    insert(own)
    return own


def price_own_exit(own: OwnExit, trade: ShadowTrade, terms: Terms) -> None:
    """Price an own exit over the whole opened quantity, like any exit; UNPRICED where nobody quoted it."""
    priced = exit_legs(_opened(trade, own.exit_time), _own_moment(trade, own, terms))
    own.priced_at = terms.now
    if priced is None:
        own.state = OwnExitState.UNPRICED
        update(own, PRICED)
        return
    left = Fill("own exit", tuple(priced.legs))
    books = keep_books([*_opening(trade, own.exit_time), left], trade.multiplier, terms.schedule, ratios_of(trade.legs))
    own.state = OwnExitState.DONE
    own.legs = priced.documents()
    own.price_provenance = priced.provenance
    own.fees = books.scheduled_fees
    own.pnl = books.compared_pnl
    update(own, PRICED)


def leave_unpaired(trade: ShadowTrade, own: OwnExit, terms: Terms) -> None:
    """Close a shadow by its own exit where no real trade can come any more, or where it came after the real exit."""
    late = TradeFlag.AFTER_REAL_EXIT in trade.flags
    if (
        trade.status != TradeStatus.OPEN
        or own.state == OwnExitState.PENDING
        or (not late and terms.real_trade_may_come())
    ):
        return
    if not late:
        flag_if(trade, TradeFlag.UNPAIRED, holds=True)
    if own.state == OwnExitState.UNPRICED:
        end_unpriced(trade, ExitFacts(own.exit_time, own.exit_reason, own.conditions_hash), terms.schedule, terms.now)
    else:
        left = books_of(trade, terms.schedule).open_quantities()
        documents = [
            document | {"quantity": plain_text(left[key])}
            for document in own.legs
            if (key := (document["instrument"], document["side"])) in left
        ]
        book_fill(
            trade,
            NewFill(
                ref=EXIT,
                time=own.exit_time,
                legs=[LegFill.from_document(document) for document in documents],
                documents=documents,
                provenance=own.price_provenance,
                reason=own.exit_reason,
                market_conditions=own.market_conditions,
                request_hash=own.request_hash,
            ),
            terms.schedule,
            terms.now,
        )
    check_pair(terms)
