"""Closing trades on reports: fills and exits of real money, which are booked whatever they say (R4.2, R5.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from kernel.errors import DomainError
from kernel.rows import related, update
from outcomes.core.books import Fill, LegFill, keep_books, ratios_of
from outcomes.core.checks import (
    CLOCK_SKEW,
    read_settlements,
    refuse_impossible_settlement,
    refuse_settlement_outside,
    refuse_unreadable_settlements,
)
from outcomes.core.quoting import weakest
from outcomes.core.repeats import exit_in_full, report_hash
from outcomes.core.reports import ExitReport, FillReport, closing_legs, net_price_differs
from outcomes.core.trades import PairRule, Provenance, TradeFlag
from outcomes.models import (
    EXIT,
    LIVE_STATUSES,
    IncidentKind,
    RealTrade,
    ShadowTrade,
    TradeFill,
    TradeStatus,
)
from outcomes.services.case import Terms, lock_trade
from outcomes.services.directives import issue_directive
from outcomes.services.fills import (
    NewFill,
    book_fill,
    books_of,
    check_pair,
    check_prices,
    core_fill,
    flag_if,
    judge_plan,
    record_one,
    refuse_without_entry,
    stored_fills,
)
from outcomes.services.openings import judge_real_time
from outcomes.services.pricing import settlement_provenance
from outcomes.services.refusals import RefusedReportError, conflicting_report, report_transaction
from outcomes.services.shadow_exits import exit_of_a_shadow, settle_contracts


def report_fill(engine: str, trade_id: UUID, report: FillReport, *, body: Any) -> tuple[RealTrade | ShadowTrade, bool]:
    """Book one more fill of a trade; the flag says whether it is new.

    A shadow opens as planned and closes with the real trade, so the only fill of its own that it can have is the
    settlement of a contract that has ended.
    """

    def meaning(terms: Terms) -> str:
        return report_hash(report, price_provenance=terms.trade(trade_id).claimed_provenance)

    with report_transaction(partial(lock_trade, engine, trade_id), engine, body, meaning) as terms:
        trade = terms.trade(trade_id)
        request_hash = meaning(terms)
        told = [row for row in related(trade, "fills") if row.fill_ref == report.fill_ref]
        first = min(told, key=lambda row: row.revision, default=None)
        # Before anything is judged: a repeat gets its answer however late it is, and though the trade has closed.
        if first is not None:
            return trade, _is_new(first, request_hash)
        if trade.status not in LIVE_STATUSES:
            raise _too_late(trade, "The trade is already closed.")
        if isinstance(trade, RealTrade):
            _book_real(trade, report, terms, lambda: report.legs, request_hash)
        else:
            settle_contracts(trade, report, terms, request_hash)
    return trade, True


def close_trade(engine: str, trade_id: UUID, report: ExitReport, *, body: Any) -> tuple[RealTrade | ShadowTrade, int]:
    """Close all that is left of the engine's trade; the HTTP status tells how. Accepted while halted, too.

    1. Lock the experiment, so that a shadow that opens at this moment comes wholly before or after.
    2. Return the first exit for the same report; refuse a different one and keep it.
    3. A real exit: book it, and direct the shadow to exit in this same transaction.
    4. A shadow's: keep it as its own exit (202); it closes the shadow only where no real trade can come, or where its
       contracts have ended (200).
    """

    def meaning(terms: Terms) -> str:
        trade = terms.trade(trade_id)
        in_full = exit_in_full(report, trade.legs, is_shadow=isinstance(trade, ShadowTrade))
        return report_hash(in_full, price_provenance=trade.claimed_provenance)

    with report_transaction(partial(lock_trade, engine, trade_id), engine, body, meaning) as terms:
        trade = terms.trade(trade_id)
        request_hash = meaning(terms)
        # It must not close by itself: both sides are compared at the time of the real exit.
        if isinstance(trade, ShadowTrade):
            return exit_of_a_shadow(trade, report, terms, request_hash)
        told = sorted((row for row in related(trade, "fills") if row.fill_ref == EXIT), key=lambda row: row.revision)
        if any(row.request_hash == request_hash for row in told):
            return trade, 200
        # After a bust the position is open again, and another exit is no contradiction.
        if told and told[-1].legs:
            if trade.status in LIVE_STATUSES:
                raise conflicting_report("An exit is stored already; report what closes the rest as a fill.")
            _is_new(told[-1], request_hash)
        if trade.status not in LIVE_STATUSES:
            raise _too_late(trade, "Its fills have already closed the trade.")
        settled = {name: found.price for name, found in read_settlements(report.market_conditions).items()}

        def legs() -> tuple[LegFill, ...]:
            left = books_of(trade, terms.schedule).open_quantities()
            return closing_legs(left, report.legs, report.exit_price, settled)

        _book_real(trade, report, terms, legs, request_hash)
    return trade, 200


def _is_new(first: TradeFill, request_hash: str) -> bool:
    if first.request_hash != request_hash:
        told = "exit is already stored" if first.fill_ref == EXIT else "fill is already stored under this fill_ref"
        raise conflicting_report(f"A different {told}; the first counts.")
    return False


def _too_late(trade: RealTrade | ShadowTrade, detail: str) -> DomainError:
    """A report on a closed trade: of real money it must not be lost."""
    if isinstance(trade, RealTrade):
        return RefusedReportError("already_closed", detail, incident_kind=IncidentKind.UNBOOKABLE_REPORT)
    return DomainError("already_closed", detail)


def _book_real(
    trade: RealTrade,
    report: FillReport | ExitReport,
    terms: Terms,
    legs_of: Callable[[], tuple[LegFill, ...]],
    request_hash: str,
) -> None:
    """Book a fill of real money whatever it says; what cannot be booked is refused and kept as an incident."""
    ref, time, reason = (
        (EXIT, report.exit_time, report.exit_reason)
        if isinstance(report, ExitReport)
        else (report.fill_ref, report.time, report.reason)
    )
    refuse_without_entry(trade)
    before = [core_fill(row) for row in stored_fills(trade)]
    ratios = ratios_of(trade.legs)
    try:
        legs = legs_of()
        # Tried on the books first; once stored, a fill can neither be changed nor deleted.
        keep_books([*before, Fill(ref, legs, report.fees)], trade.multiplier, terms.schedule, ratios)
    except DomainError as error:
        raise RefusedReportError(
            error.code, error.detail, incident_kind=IncidentKind.UNBOOKABLE_REPORT, pointer=error.pointer
        ) from error
    documents, provenance = _real_documents(trade, legs, report, time, terms)
    if isinstance(report, ExitReport) and net_price_differs(legs, ratios, report.exit_price):
        # Never cleared: the net price of the entry may have differed.
        flag_if(trade, TradeFlag.NET_PRICE_DIFFERS, holds=True)
    if not all("settlement" in document for document in documents):
        # A contract that ended over the weekend is told on Monday: settlements have times of their own.
        judge_real_time(trade, time, terms)
    if time < trade.entry_time or time > terms.now + CLOCK_SKEW:
        flag_if(trade, TradeFlag.CLOCK, holds=True)
    if isinstance(report, ExitReport) and not terms.feeder_is_active:
        # Below; said here, so that one statement stores it with the exit.
        trade.prices_checked_at = terms.now
    fill = Fill(ref, legs, report.fees)
    row = book_fill(
        trade,
        NewFill(
            ref=ref,
            time=time,
            legs=legs,
            documents=documents,
            provenance=provenance,
            fees=report.fees,
            reason=reason,
            market_conditions=report.market_conditions,
            request_hash=request_hash,
            key=terms.next_fill,
        ),
        terms.schedule,
        terms.now,
    )
    judge_plan(trade, terms)
    update(trade, ("flags",))
    if fill.closes and not terms.has_ended:
        # A fill that closes and opens at once is a roll: it ends the pair, whatever of the trade goes on.
        is_last = trade.status == TradeStatus.CLOSED or fill.opens
        issue_directive(trade, row, before, fill, is_last=is_last, terms=terms)
    if trade.status == TradeStatus.CLOSED:
        check_pair(terms)
        # With a feeder the check waits for its quotes; without one nothing better will ever come.
        if not terms.feeder_is_active:
            check_prices(trade, terms)


def _real_documents(
    trade: RealTrade, legs: tuple[LegFill, ...], report: FillReport | ExitReport, time: datetime, terms: Terms
) -> tuple[list[dict[str, Any]], str]:
    """The legs as stored with the settlements they came from, and what their prices deserve to be called."""
    try:
        refuse_unreadable_settlements(report.market_conditions)
    except DomainError as error:
        # The money has moved: a refusal would only lose it, so it is booked and the pair marked.
        record_one(trade, PairRule.SETTLEMENT_IMPOSSIBLE, error.detail, terms.now)
    settlements = read_settlements(report.market_conditions)
    claimed = report.price_provenance or trade.claimed_provenance
    # An engine cannot claim what only the referee can say: that a price is from the neutral feed.
    claimed = claimed if claimed in (Provenance.BROKER_FILL, Provenance.MODEL) else Provenance.OWN_FEED_QUOTE
    documents, provenances = [], []
    for leg in legs:
        settlement = settlements.get(leg.instrument)
        if leg.effect == "OPEN" or settlement is None:
            documents.append(leg.document())
            provenances.append(Provenance(claimed))
            continue
        try:
            refuse_impossible_settlement(leg.instrument, leg.side, settlement)
            refuse_settlement_outside(leg.instrument, settlement, trade.entry_time, time)
        except DomainError as error:
            record_one(trade, PairRule.SETTLEMENT_IMPOSSIBLE, error.detail, terms.now)
        if settlement.price != leg.price:
            detail = f"{leg.instrument} was booked at another price than it settled at"
            record_one(trade, PairRule.SETTLEMENT_IMPOSSIBLE, detail, terms.now)
        documents.append(leg.document() | {"settlement": settlement.document()})
        provenances.append(settlement_provenance(leg.instrument, settlement, terms.quote_limit, terms.clock))
    return documents, weakest(provenances).value
