"""Which rules of the comparison a trade, or a pair, broke (R4.5): kept by name, and left out of the pair figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from experiments.models import Experiment
from kernel.values import decimal_text
from outcomes.core.checks import Plan, judge_real_trade
from outcomes.core.fills import LegFill
from outcomes.core.quoting import Quote, price_outside, quotes_by_instrument, read_quote
from outcomes.core.trades import Breach, PairedTrade, PairRule, TradeFlag, breaches_of_one, breaches_of_the_exits
from outcomes.models import LIVE_STATUSES, RealTrade, Recommendation, ShadowTrade, Violation
from outcomes.services.fills import books_of, core_fill, flag_if, stored_fills
from outcomes.services.quotes import quotes_between
from outcomes.services.transactions import Terms


def record(experiment_id: UUID, breaches: Iterable[Breach], now: datetime) -> None:
    """Store broken rules; one that is stored already stays as it is."""
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


def judge_plan(trade: RealTrade, now: datetime) -> None:
    """Hold a real trade against its plan; the caller saves the trade's flags."""
    plan = Recommendation.objects.get(experiment_id=trade.experiment_id, engine=trade.engine).plan
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
    for row in stored_fills(trade):
        named = trade.entry_quotes if row.number == 1 else row.market_conditions.get("quotes")
        settled = {leg["instrument"] for leg in row.legs if "settlement" in leg}
        traded = [leg for leg in core_fill(row).legs if leg.instrument not in settled]
        found = _price_not_in_quotes(traded, row.time, named or {}, terms.quote_limit)
        if found is not None:
            record_one(trade, PairRule.PRICE_NOT_IN_QUOTES, f"{row.fill_ref}: {found}", terms.now)
    # Also when nothing was found, or the worker would check it again every second.
    trade.prices_checked_at = terms.now
    trade.save(update_fields=("prices_checked_at",))


def check_pair(terms: Terms) -> None:
    """Store which rules each closed trade of the experiment broke, and the pair once both are closed."""
    experiment_id = terms.decision.pk
    real = RealTrade.objects.filter(experiment_id=experiment_id).exclude(status__in=LIVE_STATUSES).first()
    shadows = list(ShadowTrade.objects.filter(experiment_id=experiment_id).exclude(status__in=LIVE_STATUSES))
    context = Experiment.objects.select_related("signal__market_context").get(pk=experiment_id).signal.market_context
    found: list[Breach] = []
    paired = {trade.pk: _paired(trade, terms) for trade in ([real] if real else []) + shadows}
    for trade in paired.values():
        found.extend(breaches_of_one(trade, context.context_hash))
    if real is not None:
        for shadow in shadows:
            # A shadow without a real exit to follow has exits of its own, which no rule binds to the real one's.
            if {TradeFlag.AFTER_REAL_EXIT, TradeFlag.UNPAIRED}.isdisjoint(shadow.flags):
                found.extend(breaches_of_the_exits(paired[real.pk], paired[shadow.pk]))
    record(experiment_id, found, terms.now)


def _paired(trade: RealTrade | ShadowTrade, terms: Terms) -> PairedTrade:
    recommendation = Recommendation.objects.get(experiment_id=trade.experiment_id, engine=trade.engine)
    rows = stored_fills(trade)
    fills = [core_fill(row) for row in rows]
    if isinstance(trade, RealTrade):
        # A trade that scales in again after a partial exit still leads its shadow out, fill by fill.
        closing = [row for row in rows if hasattr(row, "exit_directive")]
    else:
        closing = [row for row, fill in zip(rows, fills, strict=True) if fill.closes]
        # A contract that ended before the real trade did is no synchronised fill.
        closing = [row for row in closing if not any("settlement" in leg for leg in row.legs)]
    outcome = getattr(trade, "outcome", None)
    books = books_of(trade, terms.schedule)
    return PairedTrade(
        engine=trade.engine,
        context_hash=recommendation.context_hash,
        recommended_rules_hash=recommendation.rules_hash,
        registered_rules_hash=recommendation.registered_rules_hash,
        exits=tuple((row.time, row.conditions_hash) for row in closing),
        entry_instruments=frozenset(leg.instrument for fill in fills for leg in fill.legs if leg.effect == "OPEN"),
        exit_instruments=frozenset(leg.instrument for fill in fills for leg in fill.legs if leg.effect == "CLOSE")
        if books.is_flat
        else None,
        stored_pnl=outcome.pnl if outcome is not None else None,
        recomputed_pnl=books.pnl if outcome is not None and outcome.pnl is not None else None,
    )


def _price_not_in_quotes(
    legs: Sequence[LegFill], time: datetime, named: Mapping[str, Any], limit: timedelta
) -> str | None:
    """How a real fill was better than anybody quoted around it; None while it can be true.

    Held against the neutral quotes within the limit before and after it, else against those that it names itself.
    """
    instruments = [leg.instrument for leg in legs]
    neutral = quotes_between(instruments, time - limit, time + limit)
    own = quotes_by_instrument(named)
    for leg in legs:
        quotes = neutral.get(leg.instrument, [])
        if not quotes and leg.instrument in own:
            read = read_quote(own[leg.instrument], time, max_age=limit)
            quotes = [read] if isinstance(read, Quote) else []
        # Nobody quoted it: no quote is no proof that the price was wrong.
        if quotes and price_outside(leg.price, leg.is_sale, quotes):
            bound = max(q.ask for q in quotes) if leg.is_sale else min(q.bid for q in quotes)
            what = "sold above the highest ask" if leg.is_sale else "bought below the lowest bid"
            return f"{leg.instrument} {what}, {decimal_text(bound)}, at {decimal_text(leg.price)}"
    return None
