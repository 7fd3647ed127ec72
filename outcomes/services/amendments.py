"""Corrections and busts of fills: an engine proposes, an operator decides, and what was first told stays beside it.

An accepted amendment adds a revision of the fill, sums the trade up again and revises its result. Times never change:
the shadow has followed them. Rules that were broken stay broken, so that nothing is gained by amending afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from kernel import audit
from kernel.actors import Actor
from kernel.canonical import document_hash
from kernel.errors import DomainError
from kernel.events import AMENDMENT_PROPOSED, TRADE_AMENDED
from kernel.rows import add_related, insert, keep, related, update
from kernel.values import decimal_text, parse_instant
from outcomes.core.amendments import AmendmentReport, amendment_in_full, succession
from outcomes.core.books import (
    Fill,
    LegFill,
    Schedule,
    keep_books,
    ratios_of,
    result_in_force,
    scheduled_fees,
)
from outcomes.core.repeats import report_hash
from outcomes.core.trades import Provenance, TradeFlag
from outcomes.models import (
    ENTRY,
    LIVE_STATUSES,
    AmendmentKind,
    AmendmentState,
    DirectiveState,
    ExitReason,
    Outcome,
    RealTrade,
    ShadowTrade,
    TradeAmendment,
    TradeFill,
    TradeStatus,
)
from outcomes.services.case import Terms, lock_experiment, lock_trade
from outcomes.services.directives import MOVING, share_out
from outcomes.services.fills import (
    SUMMARY,
    ZERO,
    books_of,
    check_pair,
    check_prices,
    core_fill,
    flag_if,
    judge_plan,
    record_outcome,
    refuse_without_entry,
    stored_fills,
    sum_up,
)


def propose_amendment(engine: str, trade_id: UUID, report: AmendmentReport) -> tuple[TradeAmendment, bool]:
    """Keep a proposal for an operator to decide; the flag says whether it is new.

    Raises `amendment_open` while another one of the same fill waits, `shadow_not_amended` for prices of a shadow, which
    are the referee's, and `amendment_impossible` for what could not be booked.
    """
    with transaction.atomic():
        terms = lock_trade(engine, trade_id)
        trade = terms.trade(trade_id)
        if report.prices:
            report = amendment_in_full(report, core_fill(_amendable(trade, report.of)), trade.legs)
        request_hash = report_hash(report)
        of_the_fill = trade.amendments.filter(fill_ref=report.of)
        # A refused one, too: sent again it is as refused as before, and needs better evidence.
        latest = of_the_fill.filter(request_hash=request_hash).order_by("-id").first()
        if latest is not None and _is_of_what_stands(latest, trade):
            return latest, False
        if of_the_fill.filter(state=AmendmentState.PROPOSED).exists():
            raise DomainError("amendment_open", "Another amendment of this fill waits for an operator's decision.")
        amendment = TradeAmendment(
            real_trade=trade if isinstance(trade, RealTrade) else None,
            shadow_trade=trade if isinstance(trade, ShadowTrade) else None,
            experiment_id=trade.experiment_id,
            engine=engine,
            kind=report.kind,
            fill_ref=report.of,
            values=report.values(),
            reason=report.reason,
            evidence=report.evidence,
            request_hash=request_hash,
            proposed_at=terms.now,
        )
        # Told to the engine now, and not to an operator a day later.
        _amended_fill(trade, amendment, terms)
        amendment.save()
        transaction.on_commit(lambda: _log_proposed(amendment))
    return amendment, True


def accept_amendment(actor: Actor, amendment_id: int, *, reason: str) -> None:
    """Let the amendment take effect; raise `amendment_settled`, or `amendment_impossible` if it no longer fits."""
    with transaction.atomic():
        amendment, terms = _decide(actor, amendment_id, AmendmentState.ACCEPTED, reason)
        trade = terms.trade(amendment.trade.pk)
        row = _amended_fill(trade, amendment, terms)
        row.amendment = amendment
        insert(row)
        add_related(trade, "fills", row)
        apply_amendment(trade, terms.schedule, terms.now)
        if isinstance(trade, ShadowTrade):
            _share_out_again(trade, terms)
        elif trade.status != TradeStatus.UNPRICED:
            judge_plan(trade, terms)
            trade.save(update_fields=("flags",))
        if trade.status == TradeStatus.CLOSED:
            check_pair(terms)
            if isinstance(trade, RealTrade) and not terms.feeder_is_active:
                check_prices(trade, terms)
        transaction.on_commit(lambda: _log_amended(amendment, trade))


def refuse_amendment(actor: Actor, amendment_id: int, *, reason: str) -> None:
    """Leave everything as it was first told; raise `amendment_settled`."""
    with transaction.atomic():
        _decide(actor, amendment_id, AmendmentState.REFUSED, reason)


def _decide(actor: Actor, amendment_id: int, state: AmendmentState, reason: str) -> tuple[TradeAmendment, Terms]:
    if not reason.strip():
        raise DomainError("reason_missing", "Enter a reason; the engine sees it, and the audit log keeps it.")
    experiment_id = TradeAmendment.objects.values_list("experiment_id", flat=True).get(pk=amendment_id)
    terms = lock_experiment(experiment_id)
    # Read under the lock: two operators may have the page open.
    amendment = TradeAmendment.objects.select_related("real_trade", "shadow_trade").get(pk=amendment_id)
    if amendment.state != AmendmentState.PROPOSED:
        raise DomainError("amendment_settled", f"{amendment.decided_by} has already decided: {amendment.state}.")
    amendment.state = state
    amendment.decided_by = actor.name
    amendment.decided_at = terms.now
    amendment.decision_reason = reason.strip()
    amendment.save()
    audit.record(actor, f"amendment.{state.lower()}", str(amendment), reason=reason.strip())
    return amendment, terms


def _is_of_what_stands(amendment: TradeAmendment, trade: RealTrade | ShadowTrade) -> bool:
    """Whether nothing has happened to the fill since the proposal, but what the proposal itself made of it.

    Once another amendment was accepted, or an exit told anew after a bust, the same words are of another execution.
    """
    rows = related(trade, "fills")
    made = next((row for row in rows if row.amendment_id == amendment.pk), None)
    if made is not None:
        return all(row.revision <= made.revision for row in rows if row.fill_ref == made.fill_ref)
    # One waits at a time, so what was accepted after it has a higher number; an exit told anew follows a bust.
    return all((row.amendment_id or 0) < amendment.pk for row in rows if row.fill_ref == amendment.fill_ref)


def _amended_fill(trade: RealTrade | ShadowTrade, amendment: TradeAmendment, terms: Terms) -> TradeFill:
    """The row that the amendment would add, tried on the books; raises `amendment_impossible`, `shadow_not_amended`."""
    successor = amendment.values.get("successor")
    first = _amendable(trade, amendment.fill_ref, prices=not successor)
    if successor:
        return _succession(trade, amendment, successor, terms)
    rows = {row.fill_ref: row for row in stored_fills(trade)}
    row = TradeFill.objects.get(pk=first.pk)
    row.pk, row.request_hash, row.reported_at = None, "", terms.now
    row.revision = first.revision + 1
    fees = Decimal(amendment.values.get("fees", first.fees))
    if amendment.kind == AmendmentKind.BUST:
        if amendment.fill_ref == ENTRY and len(rows) > 1:
            raise _impossible("Bust the later fills first: without the entry nothing could have been closed.", "/of")
        row.legs, row.fees, row.scheduled_fees = [], Decimal(0), Decimal(0)
        rows.pop(amendment.fill_ref)
    else:
        row.legs = _documents(first, amendment)
        row.fees = fees
        rows[amendment.fill_ref] = row
        charged = [replace(core_fill(row), fees=fees)]
        row.scheduled_fees = scheduled_fees(charged, trade.multiplier, terms.schedule)
    _refuse_impossible(trade, [core_fill(each) for each in rows.values()], terms)
    return row


def _amendable(trade: RealTrade | ShadowTrade, ref: str, *, prices: bool = True) -> TradeFill:
    """The fill in force that an amendment is of; `prices`: it is no succession, which shadows have, too."""
    found = next((row for row in stored_fills(trade) if row.fill_ref == ref), None)
    if found is None:
        if isinstance(trade, RealTrade):
            refuse_without_entry(trade)
        raise _impossible("The trade has no such fill, or it was busted.", "/of")
    if prices and isinstance(trade, ShadowTrade):
        raise DomainError(
            "shadow_not_amended", "The referee prices shadows; only a successor of a contract is accepted."
        )
    return found


def _documents(first: TradeFill, amendment: TradeAmendment) -> list[dict[str, Any]]:
    """The legs as stored: those that the amendment leaves alone keep the quotes or settlements they came from."""
    told = amendment.values.get("legs")
    if told is None:
        return list(first.legs)
    wanted = "OPEN" if amendment.fill_ref == ENTRY else None
    if wanted and any(leg["effect"] != wanted for leg in told):
        raise _impossible("The legs of the entry open.", "/values/legs")
    known = {LegFill.from_document(leg): leg for leg in first.legs}
    return [known.get(LegFill.from_document(leg), leg) for leg in told]


def _refuse_impossible(trade: RealTrade | ShadowTrade, fills: list[Fill], terms: Terms) -> None:
    """Raise for fills that cannot have happened together, and for an end that no exit was told for."""
    if not fills:
        return
    try:
        books = keep_books(fills, trade.multiplier, terms.schedule, ratios_of(trade.legs))
    except DomainError as error:
        raise _impossible(error.detail, "/values") from error
    if books.is_flat and trade.status in LIVE_STATUSES and not terms.has_ended:
        # The shadow leaves with the exit; nobody would direct it.
        raise _impossible("That would close the trade: report its exit first, then correct it.", "/values")


def _succession(
    trade: RealTrade | ShadowTrade, amendment: TradeAmendment, successor: dict[str, str], terms: Terms
) -> TradeFill:
    """A row that moves what is open of a contract to its successor."""
    if amendment.fill_ref != ENTRY or amendment.kind != AmendmentKind.CORRECT:
        raise _impossible("A successor is named by a CORRECT of the entry; it is of the whole trade.", "/of")
    if trade.status != TradeStatus.OPEN:
        raise _impossible("The trade is not open.", "/values/successor")
    earlier = stored_fills(trade)
    held = keep_books([core_fill(row) for row in earlier], trade.multiplier, terms.schedule).open_quantities()
    effective_at = parse_instant(successor["effective_at"])
    if not trade.entry_time <= effective_at <= terms.now:
        raise _impossible("effective_at lies before the entry, or in the future.", "/values/successor/effective_at")
    last = max(row.number for row in trade.fills.all())
    ref = f"succession-{last + 1}"
    names = {"instrument": successor["instrument"], "becomes": successor["becomes"]}
    try:
        fill = succession(ref, held, **names, ratio=Decimal(successor["ratio"]))
    except DomainError as error:
        raise _impossible(error.detail, error.pointer) from error
    return TradeFill(
        real_trade=amendment.real_trade,
        shadow_trade=amendment.shadow_trade,
        experiment_id=trade.experiment_id,
        engine=trade.engine,
        number=last + 1,
        fill_ref=ref,
        is_succession=True,
        time=effective_at,
        legs=[leg.document() for leg in fill.legs],
        fees=Decimal(0),
        scheduled_fees=Decimal(0),
        price_provenance=Provenance.SETTLEMENT,
        market_conditions={},
        conditions_hash=document_hash({}),
        reported_at=terms.now,
    )


def _share_out_again(shadow: ShadowTrade, terms: Terms) -> None:
    """Let the directives that wait close the successor, of which there may be more or fewer units."""
    for directive in terms.directives_of(shadow):
        if directive.state == DirectiveState.PENDING:
            share_out(directive, shadow, terms)
            keep(directive, MOVING)


def _impossible(detail: str, pointer: str) -> DomainError:
    return DomainError("amendment_impossible", detail, pointer)


def _log_proposed(amendment: TradeAmendment) -> None:
    AMENDMENT_PROPOSED.log(
        amendment_id=amendment.pk,
        experiment_id=str(amendment.experiment_id),
        engine=amendment.engine,
        trade_id=str(amendment.real_trade_id or amendment.shadow_trade_id),
        kind=amendment.kind,
        fill_ref=amendment.fill_ref,
    )


def _log_amended(amendment: TradeAmendment, trade: RealTrade | ShadowTrade) -> None:
    outcome = result_in_force(trade.outcomes.all())
    TRADE_AMENDED.log(
        amendment_id=amendment.pk,
        experiment_id=str(amendment.experiment_id),
        engine=amendment.engine,
        trade_id=str(trade.pk),
        kind=amendment.kind,
        fill_ref=amendment.fill_ref,
        revision=trade.revision,
        status=trade.status,
        pnl=None if outcome is None or outcome.pnl is None else decimal_text(outcome.pnl),
        by=amendment.decided_by,
    )


def apply_amendment(trade: RealTrade | ShadowTrade, schedule: Schedule, now: datetime) -> None:
    """Sum a trade up again once an accepted amendment has changed its fills, and revise its result.

    Its opening as reported, and what its shadow has followed, stay as they are. Without an exit it is open again, and
    has no result until the next one; without any fill it never was, and ends UNPRICED: counted, and in no P&L.
    """
    earlier: Outcome | None = result_in_force(trade.outcomes.all())
    rows = stored_fills(trade)
    books = books_of(trade, schedule) if rows else None
    trade.revision += 1
    flag_if(trade, TradeFlag.AMENDED, holds=True)
    if books is not None and not books.is_flat:
        trade.status = TradeStatus.OPEN
        trade.exit_price = trade.exit_time = trade.exit_fees = trade.closed_at = None
        trade.exit_reason = trade.exit_provenance = trade.conditions_hash = ""
    if isinstance(trade, RealTrade):
        # At its new prices it is held against the quotes once more.
        trade.prices_checked_at = None if rows else now
    if books is None:
        trade.status, trade.exit_price, trade.risk_amount = TradeStatus.UNPRICED, None, None
        trade.exit_time, trade.exit_fees = trade.exit_time or trade.entry_time, ZERO
        trade.exit_reason, trade.exit_provenance = ExitReason.EXTERNAL, Provenance.UNPRICED
        trade.closed_at = trade.closed_at or now
    else:
        sum_up(trade, books, rows, now)
    update(trade, SUMMARY)
    if TradeFlag.AFTER_REAL_EXIT in trade.flags:
        return
    if trade.status not in LIVE_STATUSES:
        record_outcome(trade, books, now)
    elif earlier is not None:
        _withdraw(earlier, now)


def _withdraw(outcome: Outcome, now: datetime) -> None:
    """Say that a result no longer holds, with its last figures taken back."""
    outcome.pk = None
    outcome.revision += 1
    outcome.withdrawn = True
    outcome.exit_price = outcome.gross_pnl = outcome.pnl = outcome.compared_pnl = None
    outcome.price_provenance = Provenance.UNPRICED
    outcome.recorded_at = now
    outcome.save(force_insert=True)
