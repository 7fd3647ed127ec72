"""Fills as they are stored, and the rules of the comparison that a trade or a pair broke (R4.5).

Positions, averages, P&L, fees and risk are computed from the stored fills each time; the trade's own columns are a
summary of them, so that lists need not add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from kernel.canonical import document_hash
from kernel.errors import gone
from kernel.events import OUTCOME_RECORDED, TRADE_CLOSED, TRADE_FILLED
from kernel.rows import add_related, insert, keep, new_row, related, update
from kernel.values import decimal_text, parse_instant
from outcomes.core.books import (
    Books,
    Fill,
    LegFill,
    Schedule,
    in_force,
    is_followed,
    keep_books,
    ratios_of,
    result_in_force,
    scheduled_fees,
)
from outcomes.core.checks import Breach, PairedTrade, Plan, breaches_of_one, breaches_of_the_exits, judge_real_trade
from outcomes.core.quoting import Quote, price_outside, quotes_by_instrument, read_quote
from outcomes.core.trades import PairRule, Provenance, TradeFlag
from outcomes.models import (
    ENTRY,
    LIVE_STATUSES,
    Outcome,
    RealOutcome,
    RealTrade,
    ShadowOutcome,
    ShadowTrade,
    TradeFill,
    TradeStatus,
    Violation,
)
from outcomes.services.case import Terms
from outcomes.services.pricing import quotes_around

ZERO = Decimal(0)
# What its fills say of a trade, in columns of its own.
SUMMARY = (
    *("status", "entry_due_at", "entry_price", "entry_provenance", "risk_amount", "exit_price", "exit_time"),
    *("exit_fees", "exit_reason", "exit_provenance", "conditions_hash", "closed_at", "flags", "revision"),
)


@dataclass(frozen=True)
class NewFill:
    """One fill to be booked; `documents` are the legs as stored, with the quotes they came from."""

    ref: str
    time: datetime
    legs: Sequence[LegFill]
    provenance: str
    fees: Decimal = ZERO  # as reported; a shadow pays the schedule instead
    documents: Sequence[dict[str, Any]] | None = None  # None: those of `legs`
    reason: str = ""
    market_conditions: Mapping[str, Any] = field(default_factory=dict)
    request_hash: str = ""
    key: int | None = None  # in the database, where it was taken already


def core_fill(row: TradeFill) -> Fill:
    """A stored fill for the pure functions; read once, because a row of this table never changes."""
    known = vars(row)
    if "core_fill" not in known:
        legs = tuple([LegFill.from_document(leg) for leg in row.legs])
        known["core_fill"] = Fill(row.fill_ref, legs, row.fees, row.is_succession)
    found: Fill = known["core_fill"]
    return found


def stored_fills(trade: RealTrade | ShadowTrade) -> list[TradeFill]:
    """The fills of a trade that are in force, in the order in which they happened to it."""
    return in_force(related(trade, "fills"))


def books_of(trade: RealTrade | ShadowTrade, schedule: Schedule) -> Books:
    """The books of a trade that has a fill; raise `history_incomplete` where all were deleted."""
    rows = related(trade, "fills")
    if not rows:
        raise gone(f"the entry of engine {trade.engine}")
    return kept_books(trade, rows, schedule)


def refuse_without_entry(trade: RealTrade) -> None:
    """Raise `history_incomplete` for a real trade whose entry was deleted: nothing it closes would be open."""
    if all(row.fill_ref != ENTRY for row in related(trade, "fills")):
        raise gone(f"the entry of engine {trade.engine}")


def kept_books(trade: RealTrade | ShadowTrade, rows: Iterable[TradeFill], schedule: Schedule) -> Books:
    """The books of a trade by these rows, all revisions of its fills as far as they count.

    Not comparable where an amendment took away what its shadow has followed.
    """
    rows = list(rows)
    fills = [core_fill(row) for row in in_force(rows)]
    books = keep_books(fills, trade.multiplier, schedule, ratios_of(trade.legs))
    if not isinstance(trade, RealTrade) or all(row.revision == 1 for row in rows):
        return books
    told = {row.fill_ref for row in rows}
    shares = {
        found.real_fill.fill_ref: (found.closed_quantity, found.open_quantity)
        for found in related(trade, "exit_directives")
        if found.real_fill.fill_ref in told
    }
    # Another exit may have taken the place of a busted one; the shadow left with the first.
    busted = {row.fill_ref for row in rows if not row.legs}
    followed = busted.isdisjoint(shares) and is_followed(fills, shares)
    return books if followed else replace(books, compared_pnl=None)


def book_fill(trade: RealTrade | ShadowTrade, new: NewFill, schedule: Schedule, now: datetime) -> TradeFill:
    """Store one fill and bring the trade up to date; record its outcome once nothing is left (R5.1).

    The caller holds the experiment's lock. Raises `closes_more_than_open`.
    """
    earlier = stored_fills(trade)
    rows = list(related(trade, "fills")) if trade.revision > 1 else earlier
    fill = Fill(new.ref, tuple(new.legs), new.fees)
    charged = scheduled_fees([fill], trade.multiplier, schedule)
    if isinstance(trade, ShadowTrade):
        fill = Fill(new.ref, tuple(new.legs), charged)
    conditions = dict(new.market_conditions)
    row = new_row(
        TradeFill,
        pk=new.key,
        real_trade=trade if isinstance(trade, RealTrade) else None,
        shadow_trade=trade if isinstance(trade, ShadowTrade) else None,
        experiment_id=trade.experiment_id,
        engine=trade.engine,
        number=max((row.number for row in rows), default=0) + 1,
        fill_ref=new.ref,
        # A second exit takes the place of a first one that was busted.
        revision=sum(row.fill_ref == new.ref for row in rows) + 1,
        time=new.time,
        legs=list(new.documents if new.documents is not None else [leg.document() for leg in new.legs]),
        fees=fill.fees,
        scheduled_fees=charged,
        reason=new.reason,
        price_provenance=new.provenance,
        market_conditions=conditions,
        conditions_hash=document_hash(conditions),
        reported_at=now,
        request_hash=new.request_hash,
    )
    books = kept_books(trade, [*rows, row], schedule)
    if not earlier:
        trade.entry_provenance = new.provenance
        trade.status = TradeStatus.OPEN
        trade.entry_due_at = None
    sum_up(trade, books, [*earlier, row], now)
    keep(trade, (*SUMMARY, "prices_checked_at") if isinstance(trade, RealTrade) else SUMMARY)
    insert(row)
    add_related(trade, "fills", row)
    transaction.on_commit(
        lambda: TRADE_FILLED.log(**_subject(trade), fill_ref=row.fill_ref, price_provenance=row.price_provenance)
    )
    if books.is_flat and TradeFlag.AFTER_REAL_EXIT not in trade.flags:
        record_outcome(trade, books, now)
    return row


def sum_up(trade: RealTrade | ShadowTrade, books: Books, rows: Sequence[TradeFill], now: datetime) -> None:
    """Bring the trade's own columns in line with its fills; the caller saves."""
    trade.entry_price = books.entry_price
    trade.risk_amount = books.risk_amount
    flag_if(trade, TradeFlag.ROLLED, books.is_rolled)
    flag_if(trade, TradeFlag.RISK_DIFFERS, trade.declared_risk not in (None, books.risk_amount))
    if not books.is_flat:
        return
    last = rows[-1]
    trade.status = TradeStatus.CLOSED
    trade.exit_price = books.exit_price
    trade.exit_time = last.time
    trade.exit_fees = books.fees - rows[0].fees
    trade.exit_reason = last.reason or "OTHER"
    trade.exit_provenance = last.price_provenance
    trade.conditions_hash = last.conditions_hash
    trade.closed_at = trade.closed_at or now


def end_unpriced(trade: RealTrade | ShadowTrade, at: ExitFacts, schedule: Schedule, now: datetime) -> None:
    """End a trade that nobody can price: counted and shown, never in a P&L."""
    trade.status = TradeStatus.UNPRICED
    trade.exit_time = at.time
    trade.exit_reason = at.reason
    trade.exit_provenance = Provenance.UNPRICED
    trade.conditions_hash = at.conditions_hash
    trade.exit_fees = ZERO
    trade.closed_at = now
    update(trade, SUMMARY)
    if TradeFlag.AFTER_REAL_EXIT not in trade.flags:
        record_outcome(trade, books_of(trade, schedule), now)


@dataclass(frozen=True)
class ExitFacts:
    """When and why a trade ended that has no closing fill."""

    time: datetime
    reason: str
    conditions_hash: str = ""


def flag_if(trade: RealTrade | ShadowTrade, flag: TradeFlag, holds: object) -> None:
    """Set or clear a flag; the caller saves."""
    flags = set(trade.flags)
    flags = flags | {flag.value} if holds else flags - {flag.value}
    trade.flags = sorted(flags)


def entered_at(shadow: ShadowTrade) -> datetime:
    """When the shadow is in the market: a neutral entry is as late as the quotes that price it."""
    rows = [row for row in related(shadow, "fills") if row.number == 1]
    quotes = [leg["quote"]["quote_time"] for row in rows for leg in row.legs]
    return max([shadow.entry_time, *map(parse_instant, quotes)])


def record_outcome(trade: RealTrade | ShadowTrade, books: Books | None, now: datetime) -> None:
    """Store what the books come to; without any, because every fill was busted, that nothing is known."""
    priced = trade.status == TradeStatus.CLOSED
    values: dict[str, Any] = {
        "experiment_id": trade.experiment_id,
        "engine": trade.engine,
        "entry_price": trade.entry_price,
        "exit_price": books.exit_price if books and priced else None,
        "gross_pnl": books.gross_pnl if books and priced else None,
        "fees": books.fees if books else ZERO,
        "scheduled_fees": books.scheduled_fees if books else ZERO,
        "pnl": books.pnl if books and priced else None,
        "compared_pnl": books.compared_pnl if books and priced else None,
        "risk_amount": books.risk_amount if books else ZERO,
        "currency": trade.currency,
        "exit_reason": trade.exit_reason,
        "price_provenance": trade.exit_provenance,
        "exit_time": trade.exit_time,
        "conditions_hash": trade.conditions_hash,
        "recorded_at": now,
        "revision": len(related(trade, "outcomes")) + 1,
    }
    table: Any = RealOutcome if isinstance(trade, RealTrade) else ShadowOutcome
    outcome = new_row(table, trade=trade, **values)
    insert(outcome)
    add_related(trade, "outcomes", outcome)
    transaction.on_commit(lambda: _log_outcome(trade, outcome))


def _subject(trade: RealTrade | ShadowTrade) -> dict[str, str]:
    return {
        "experiment_id": str(trade.experiment_id),
        "engine": trade.engine,
        "kind": trade.kind,
        "trade_id": str(trade.pk),
    }


def _log_outcome(trade: RealTrade | ShadowTrade, outcome: Outcome) -> None:
    TRADE_CLOSED.log(**_subject(trade), exit_reason=trade.exit_reason, status=trade.status)
    pnl = None if outcome.pnl is None else decimal_text(outcome.pnl)
    OUTCOME_RECORDED.log(**_subject(trade), pnl=pnl, price_provenance=outcome.price_provenance)


def record(experiment_id: UUID, breaches: Sequence[Breach], now: datetime) -> None:
    """Store broken rules; one that is stored already stays as it is."""
    if not breaches:
        return
    Violation.objects.bulk_create(
        [
            Violation(
                experiment_id=experiment_id, engine=found.engine, name=found.name, detail=found.detail, found_at=now
            )
            for found in breaches
        ],
        ignore_conflicts=True,
    )


def record_one(trade: RealTrade | ShadowTrade, rule: PairRule, detail: str, now: datetime) -> None:
    """Store one broken rule of a trade."""
    record(trade.experiment_id, [Breach(trade.engine, rule.value, detail)], now)


def judge_plan(trade: RealTrade, terms: Terms) -> None:
    """Hold a real trade against its plan; the caller saves the trade's flags."""
    plan, now = terms.recommendation(trade.engine).plan, terms.now
    if plan is None:
        record_one(trade, PairRule.PLAN_DIFFERS, "the engine declined, and planned nothing", now)
        return
    fills = [core_fill(row) for row in stored_fills(trade)]
    verdict = judge_real_trade(Plan.from_document(plan), fills, trade.multiplier)
    flag_if(trade, TradeFlag.PARTIAL_FILL, verdict == TradeFlag.PARTIAL_FILL)
    if verdict == PairRule.PLAN_DIFFERS:
        record_one(trade, PairRule.PLAN_DIFFERS, "other legs, sides, ratios or multiplier than planned, or more", now)


def check_prices(trade: RealTrade, terms: Terms) -> None:
    """Hold the prices of a closed real trade against the quotes around them, once."""
    checked = []
    for row in stored_fills(trade):
        if not row.is_succession:
            settled = {leg["instrument"] for leg in row.legs if "settlement" in leg}
            checked.append((row, [leg for leg in core_fill(row).legs if leg.instrument not in settled]))
    limit = terms.quote_limit
    moments = [(leg.instrument, row.time) for row, legs in checked for leg in legs]
    neutral = quotes_around(moments, limit) if terms.has_quotes else dict.fromkeys(moments, ())
    for row, legs in checked:
        named = trade.entry_quotes if row.number == 1 else row.market_conditions.get("quotes")
        around = {leg.instrument: neutral[leg.instrument, row.time] for leg in legs}
        found = _price_not_in_quotes(legs, row.time, named or {}, around, limit)
        if found is not None:
            record_one(trade, PairRule.PRICE_NOT_IN_QUOTES, f"{row.fill_ref}: {found}", terms.now)
    # Also when nothing was found, or the worker would check it again every second.
    trade.prices_checked_at = terms.now
    update(trade, ("prices_checked_at",))


def check_pair(terms: Terms) -> None:
    """Store which rules each closed trade of the experiment broke, and the pair once both are closed."""
    # A real trade that was busted whole did nothing that could break a rule.
    real = terms.real if terms.real is not None and terms.real.status == TradeStatus.CLOSED else None
    shadows = [shadow for shadow in terms.shadows.values() if shadow.status not in LIVE_STATUSES]
    found: list[Breach] = []
    paired = {trade.pk: _paired(trade, terms) for trade in ([real] if real else []) + shadows}
    for trade in paired.values():
        found.extend(breaches_of_one(trade, terms.context_hash))
    if real is not None:
        for shadow in shadows:
            # A shadow without a real exit to follow has exits of its own, which no rule binds to the real one's.
            if {TradeFlag.AFTER_REAL_EXIT, TradeFlag.UNPAIRED}.isdisjoint(shadow.flags):
                found.extend(breaches_of_the_exits(paired[real.pk], paired[shadow.pk]))
    record(terms.decision.pk, found, terms.now)


def _paired(trade: RealTrade | ShadowTrade, terms: Terms) -> PairedTrade:
    recommendation = terms.recommendation(trade.engine)
    rows = stored_fills(trade)
    fills = [core_fill(row) for row in rows]
    closing: list[TradeFill]
    if isinstance(trade, RealTrade):
        # A trade that scales in again after a partial exit still leads its shadow out, fill by fill; and what was
        # amended afterwards has led it out as it was first told.
        closing = [found.real_fill for found in related(trade, "exit_directives")]
    else:
        closing = [row for row, fill in zip(rows, fills, strict=True) if fill.closes]
        # A contract that ended before the real trade did is no synchronised fill.
        closing = [row for row in closing if not any("settlement" in leg for leg in row.legs)]
    outcome: Outcome | None = result_in_force(related(trade, "outcomes"))
    books = books_of(trade, terms.schedule)
    return PairedTrade(
        engine=trade.engine,
        context_hash=recommendation.context_hash,
        recommended_rules_hash=recommendation.rules_hash,
        registered_rules_hash=recommendation.registered_rules_hash,
        exits=tuple((row.time, row.conditions_hash) for row in closing),
        entry_instruments=frozenset(leg.instrument for fill in fills for leg in fill.legs if leg.effect == "OPEN"),
        # With a succession among the fills, the old name is closed and the new one opened by it.
        exit_instruments=frozenset(leg.instrument for fill in fills for leg in fill.legs if leg.effect == "CLOSE")
        if books.is_flat
        else None,
        stored_pnl=outcome.pnl if outcome is not None else None,
        recomputed_pnl=books.pnl if outcome is not None and outcome.pnl is not None else None,
    )


def _price_not_in_quotes(
    legs: Sequence[LegFill],
    time: datetime,
    named: Mapping[str, Any],
    neutral: Mapping[str, Sequence[Quote]],
    limit: timedelta,
) -> str | None:
    """How a real fill was better than every quote around it; None while it can be true.

    Held against the neutral quotes within the limit before and after it, else against those that it names itself.
    """
    own = quotes_by_instrument(named)
    for leg in legs:
        quotes = neutral[leg.instrument]
        if not quotes and leg.instrument in own:
            read = read_quote(own[leg.instrument], time, max_age=limit)
            quotes = [read] if isinstance(read, Quote) else []
        # Nobody quoted it: no quote is no proof that the price was wrong.
        if quotes and price_outside(leg.price, leg.is_sale, quotes):
            bound = max(q.ask for q in quotes) if leg.is_sale else min(q.bid for q in quotes)
            what = "sold above the highest ask" if leg.is_sale else "bought below the lowest bid"
            return f"{leg.instrument} {what}, {decimal_text(bound)}, at {decimal_text(leg.price)}"
    return None
