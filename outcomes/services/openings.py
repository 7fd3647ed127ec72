"""Opening trades on their engines' reports (R3.5, R4.1): a shadow as it was planned, a real one whatever it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from kernel.errors import DomainError
from kernel.events import SHADOW_TRADE_CREATED, TRADE_OPENED
from kernel.rows import insert, new_row, update
from kernel.trips import Statement
from kernel.values import format_timestamp, plain_text
from outcomes.core.books import Fill, LegFill, keep_books
from outcomes.core.checks import CLOCK_SKEW, IN_FUTURE, TOO_LATE, Plan, PlannedLeg, refuse_other_than_planned
from outcomes.core.quoting import Quote, canonical_instrument, quotes_by_instrument, read_quote, touch
from outcomes.core.repeats import opening_in_full, report_hash
from outcomes.core.reports import (
    OpeningReport,
    net_price_differs,
    opening_legs,
    opening_ratios,
    quote_error,
    refuse_claim,
)
from outcomes.core.trades import PairRule, Provenance, TradeFlag
from outcomes.models import (
    ENTRY,
    Action,
    IncidentKind,
    RealTrade,
    Recommendation,
    Role,
    ShadowTrade,
    TradeStatus,
)
from outcomes.selectors import REPLAYED
from outcomes.services.case import ANY_QUOTES, Caller, Terms, lock_experiment_and_ask, not_found
from outcomes.services.directives import follow_directives
from outcomes.services.fills import NewFill, book_fill, entered_at, flag_if, judge_plan, record_one
from outcomes.services.pricing import QUOTE_WAIT, PricedLegs, neutral_entry_legs, quote_document
from outcomes.services.recommendations import HALTS_SINCE, judge_permit
from outcomes.services.refusals import RefusedReportError, conflicting_report, double_execution, report_transaction
from signals_app.alerts.documents import trade_id


def open_trade(engine: str, report: OpeningReport, *, body: Any) -> tuple[RealTrade | ShadowTrade, bool]:
    """Store a trade that the engine opened; the flag says whether it is new.

    1. Lock the experiment, so that the real exit comes wholly before or after.
    2. Refuse what comes before the engine's recommendation, and what its role forbids (R3.5); a refused real trade is
       kept as an incident.
    3. Return the first trade for the same report; refuse a different one and keep it.
    4. A shadow: refuse what cannot have happened. A real trade: keep it, and name what is wrong with it.
    5. Price a shadow from the neutral feed, or from its own quotes when none can come.
    """
    meaning = partial(_meaning, engine, report)
    with report_transaction(partial(_lock, engine, report), engine, body, meaning) as terms:
        if engine not in terms.distributed:
            raise not_found()
        recommendation = _permitting_recommendation(engine, report, terms)
        request_hash = meaning(terms)
        first = terms.real if report.kind == Role.REAL else terms.shadows.get(engine)
        if first is not None:
            if first.request_hash != request_hash:
                raise conflicting_report("A different trade is already stored for this experiment; the first counts.")
            return first, False
        trade: RealTrade | ShadowTrade
        if report.kind == Role.REAL:
            trade = _open_real(report, recommendation, terms, request_hash)
        else:
            trade = _open_shadow(report, recommendation, terms, request_hash)
    return trade, True


def _lock(engine: str, report: OpeningReport) -> Terms:
    """The experiment's terms under its lock, with what is asked of this kind of trade."""
    if report.kind == Role.REAL:
        halts = Statement(HALTS_SINCE, {"experiment": report.experiment_id, "entered": report.entry_time})
        terms, (found,) = lock_experiment_and_ask(report.experiment_id, halts, caller=Caller(engine))
        terms.halts = found
    else:
        terms, (((found,),),) = lock_experiment_and_ask(report.experiment_id, ANY_QUOTES, caller=Caller(engine))
        terms.has_quotes = found
    return terms


def _meaning(engine: str, report: OpeningReport, terms: Terms) -> str:
    """The report's hash; what it leaves out is as the engine planned it."""
    recommendation = terms.recommendations.get(engine)
    planned = (recommendation.plan if recommendation is not None else None) or {}
    return report_hash(
        opening_in_full(report),
        currency=planned.get("currency", terms.policy.currency),
        risk_amount=Decimal(planned["risk_amount"]) if planned else None,
    )


def _permitting_recommendation(engine: str, report: OpeningReport, terms: Terms) -> Recommendation:
    """The engine's recommendation, if the role it revealed allows this kind of trade.

    What comes before the recommendation is answered alike whichever engine asks: another code for the executing
    engine would tell it its role.
    """
    real = report.kind == Role.REAL
    recommendation = terms.recommendations.get(engine)
    if recommendation is None:
        detail = "Send a recommendation first; its answer says whether to trade for real."
        if real:
            raise RefusedReportError(
                "recommendation_missing", detail, incident_kind=IncidentKind.RECOMMENDATION_MISSING
            )
        raise DomainError("recommendation_missing", detail)
    if real and (terms.decision.executed_engine != engine or recommendation.role != Role.REAL):
        raise double_execution(engine)
    if not real and recommendation.action == Action.DECLINE:
        raise DomainError("declined", "This engine declined the experiment, so it cannot trade it.")
    if not real and recommendation.role != Role.SHADOW:
        raise DomainError("role_mismatch", "This engine trades this experiment for real; report kind REAL.", "/kind")
    return recommendation


def _open_real(report: OpeningReport, recommendation: Recommendation, terms: Terms, request_hash: str) -> RealTrade:
    """Store real money whatever it did, with the rules that it broke."""
    try:
        legs = opening_legs(report, None)
        keep_books([Fill(ENTRY, legs, report.fees)], report.multiplier, terms.schedule, opening_ratios(report))
    except DomainError as error:
        raise RefusedReportError(
            error.code, error.detail, incident_kind=IncidentKind.UNBOOKABLE_REPORT, pointer=error.pointer
        ) from error
    trade: RealTrade = _trade(RealTrade, report, recommendation, terms, request_hash)
    flag_if(trade, TradeFlag.NET_PRICE_DIFFERS, net_price_differs(legs, opening_ratios(report), report.entry_price))
    terms.adopt(trade)
    transaction.on_commit(lambda: _log_opened(trade))
    book_fill(
        trade,
        NewFill(
            ref=ENTRY,
            time=report.entry_time,
            legs=legs,
            provenance=_real_claim(report.price_provenance),
            fees=report.fees,
            request_hash=request_hash,
        ),
        terms.schedule,
        terms.now,
    )
    _judge_real_entry(trade, recommendation, terms)
    judge_plan(trade, terms)
    update(trade, ("flags",))
    return trade


def _judge_real_entry(trade: RealTrade, recommendation: Recommendation, terms: Terms) -> None:
    """Name what is wrong with a real entry: when it happened, when it was told, and whether it was permitted."""
    earliest = terms.signal_time if terms.is_replayed else recommendation.recommended_at
    if trade.entry_time < earliest:
        detail = f"entered at {format_timestamp(trade.entry_time)}, before {format_timestamp(earliest)}"
        record_one(trade, PairRule.ENTRY_BEFORE_RECOMMENDATION, detail, terms.now)
    judge_real_time(trade, trade.entry_time, terms)
    judge_permit(trade, terms)
    if trade.currency != terms.policy.currency:
        detail = f"expected {terms.policy.currency}, found {trade.currency}"
        record_one(trade, PairRule.CURRENCY_DIFFERS, detail, terms.now)


def judge_real_time(trade: RealTrade, moment: datetime, terms: Terms) -> None:
    """LATE_REPORT for what was told too late; the flag CLOCK for what is dated ahead. The caller saves the flags.

    Who dates a sale before the purchase knows where the market went in between: TIME_IMPOSSIBLE.
    """
    verdict = terms.clock.judge(moment)
    if verdict == IN_FUTURE:
        flag_if(trade, TradeFlag.CLOCK, holds=True)
    if moment < trade.entry_time - CLOCK_SKEW:
        detail = f"{format_timestamp(moment)} is before the entry at {format_timestamp(trade.entry_time)}"
        record_one(trade, PairRule.TIME_IMPOSSIBLE, detail, terms.now)
    if verdict == TOO_LATE:
        detail = f"{format_timestamp(moment)} was reported at {format_timestamp(terms.now)}"
        record_one(trade, PairRule.LATE_REPORT, detail, terms.now)


def _open_shadow(report: OpeningReport, recommendation: Recommendation, terms: Terms, request_hash: str) -> ShadowTrade:
    """Store a shadow that did what it planned, when it says, at prices that can be checked."""
    refuse_claim(report.price_provenance, is_shadow=True)
    if report.price_provenance == Provenance.SETTLEMENT:
        raise DomainError("provenance_not_allowed", "A settlement cannot open a position.", "/price_provenance")
    plan = Plan.from_document(recommendation.plan)
    planned = [PlannedLeg(leg.instrument, leg.side or "", leg.ratio or 1) for leg in report.legs]
    refuse_other_than_planned(plan, planned, report.quantity, report.multiplier)
    if (report.currency or plan.currency) != terms.policy.currency:
        raise DomainError("currency_differs", f"The policy's currency is {terms.policy.currency}.", "/currency")
    earliest = terms.signal_time if terms.is_replayed else recommendation.recommended_at
    if report.entry_time < earliest:
        raise DomainError(
            "entry_before_recommendation", f"entry_time is before {format_timestamp(earliest)}.", "/entry_time"
        )
    refuse_untimely(terms, report.entry_time, "/entry_time")
    window = timedelta(seconds=terms.policy.entry_window_seconds)
    if terms.now > recommendation.recommended_at + window:
        raise DomainError(
            "shadow_too_late", f"A shadow opens within {window.total_seconds():.0f} s of its recommendation."
        )
    own = _own_entry(report, terms)
    trade: ShadowTrade = _trade(ShadowTrade, report, recommendation, terms, request_hash)
    trade.status = TradeStatus.OPENING
    since = report.entry_time if terms.is_replayed else terms.now
    waits = terms.quote_limit + QUOTE_WAIT if terms.feeder_is_active else timedelta()
    trade.entry_due_at = terms.now + waits
    terms.adopt(trade)
    transaction.on_commit(lambda: _log_opened(trade))
    neutral = None
    if terms.has_quotes:
        neutral = neutral_entry_legs(plan.quantities(), since=since, limit=terms.quote_limit)
    if neutral is not None or not waits:
        price_entry(trade, neutral or own, terms)
    else:
        insert(trade)
    if terms.real_trade_has_ended(entered_at(trade)):
        flag_if(trade, TradeFlag.AFTER_REAL_EXIT, holds=True)
        update(trade, ("flags",))
    follow_directives(trade, terms)
    return trade


def price_entry(trade: ShadowTrade, priced: PricedLegs, terms: Terms) -> None:
    """Book the entry of a shadow that was OPENING."""
    provenance = priced.provenance
    if provenance == Provenance.OWN_FEED_QUOTE and trade.claimed_provenance == Provenance.MODEL:
        provenance = Provenance.MODEL
    book_fill(
        trade,
        NewFill(
            ref=ENTRY,
            time=trade.entry_time,
            legs=priced.legs,
            documents=priced.documents(),
            provenance=provenance,
            request_hash=trade.request_hash,
        ),
        terms.schedule,
        terms.now,
    )


def own_entry_of(trade: ShadowTrade) -> PricedLegs:
    """The entry of a stored shadow at its own quotes; they were judged when it was reported."""
    priced = PricedLegs()
    quotes = quotes_by_instrument(trade.entry_quotes)
    for leg in trade.legs:
        quote = read_quote(quotes[leg["instrument"]], trade.entry_time, max_age=None)
        assert isinstance(quote, Quote)
        price = touch(quote, sells=leg["side"] == "SHORT")
        fill = LegFill(leg["instrument"], "OPEN", leg["side"], leg["ratio"] * trade.quantity, price)
        priced.add(fill, Provenance.OWN_FEED_QUOTE, quote_document(quote, Provenance.OWN_FEED_QUOTE))
    return priced


def refuse_untimely(terms: Terms, moment: datetime, pointer: str) -> None:
    """Raise for a time of a shadow that a report arriving now cannot tell of."""
    verdict = terms.clock.judge(moment)
    if verdict == IN_FUTURE:
        raise DomainError("time_in_future", "The time is in the future; check the engine's clock.", pointer)
    if verdict == TOO_LATE:
        delay = f"{terms.report_delay.total_seconds():.0f} s"
        raise DomainError("reported_too_late", f"Report fills within {delay} of their time.", pointer)


def _own_entry(report: OpeningReport, terms: Terms) -> PricedLegs:
    """The opening at the engine's own quotes, which it must send; raises for quotes and prices that cannot be."""
    quotes = quotes_by_instrument(report.entry_quotes)
    read: dict[str, Quote] = {}
    for leg in report.legs:
        quote = read_quote(quotes.get(leg.instrument), report.entry_time, max_age=terms.quote_limit)
        if not isinstance(quote, Quote):
            raise quote_error(leg.instrument, quote, "/entry_quotes")
        read[leg.instrument] = quote
    touches = {leg.instrument: touch(read[leg.instrument], sells=leg.side == "SHORT") for leg in report.legs}
    priced = PricedLegs()
    legs = opening_legs(report, touches)
    for fill in legs:
        priced.add(fill, Provenance.OWN_FEED_QUOTE, quote_document(read[fill.instrument], Provenance.OWN_FEED_QUOTE))
    return priced


def _real_claim(claimed: str) -> str:
    """A real trade's own word on its prices; the words that the referee assigns are not for engines."""
    allowed = {Provenance.BROKER_FILL, Provenance.MODEL}
    return claimed if claimed in allowed else Provenance.OWN_FEED_QUOTE.value


def _trade(table: Any, report: OpeningReport, recommendation: Recommendation, terms: Terms, request_hash: str) -> Any:
    planned = recommendation.plan or {}
    return new_row(
        table,
        trade_id=trade_id(report.experiment_id, recommendation.engine, report.kind),
        experiment_id=report.experiment_id,
        engine=recommendation.engine,
        legs=[
            {
                "instrument": canonical_instrument(leg.instrument),
                "side": leg.side,
                "ratio": leg.ratio,
                "entry_price": None if leg.entry_price is None else plain_text(leg.entry_price),
            }
            for leg in report.legs
        ],
        quantity=report.quantity,
        multiplier=report.multiplier,
        currency=report.currency or planned.get("currency") or terms.policy.currency,
        declared_risk=report.risk_amount
        if report.risk_amount is not None
        else (Decimal(planned["risk_amount"]) if planned.get("risk_amount") is not None else None),
        entry_quotes=report.entry_quotes,
        entry_time=report.entry_time,
        entry_fees=report.fees,
        claimed_provenance=_real_claim(report.price_provenance) if table is RealTrade else report.price_provenance,
        request_hash=request_hash,
        opened_at=terms.now,
        flags=[],
    )


def own_trade(engine: str, trade_id: UUID) -> RealTrade | ShadowTrade:
    """The engine's trade; raise `not_found`, for a trade of the other engine, too."""
    for table in (RealTrade, ShadowTrade):
        trade = table.objects.filter(pk=trade_id, engine=engine).annotate(replayed=REPLAYED).first()
        if trade is not None:
            return trade
    raise not_found()


def _log_opened(trade: RealTrade | ShadowTrade) -> None:
    subject = {"experiment_id": str(trade.experiment_id), "engine": trade.engine}
    if isinstance(trade, RealTrade):
        TRADE_OPENED.log(**subject, trade_id=str(trade.pk))
    else:
        SHADOW_TRADE_CREATED.log(**subject, shadow_trade_id=str(trade.pk))
