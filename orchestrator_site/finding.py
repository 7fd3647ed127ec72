"""Signals by whatever names them: an ID or a hash, whole or its first eight digits, an order, or a symbol and a day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from django.db.models import Q

from admin_kit.filters import within_days
from admin_kit.search import digits_of, hash_begins, id_begins
from experiments.models import ExecutionDecision, Experiment
from kernel.values import day_text
from outcomes.models import RealTrade, ShadowTrade
from outcomes.performance.listing import NEW_YORK
from signals_app.models import MarketContext, Signal

MOST = 5
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def experiments_named(text: str) -> Iterator[tuple[Experiment, bool]]:
    """A handful of experiments, each once, and whether the name is one that follows from who trades it for real.

    Whoever guesses such a name learns from what is found whether the guess was right.
    """
    seen = set()
    for condition, tells_roles in _conditions(text):
        for row in Experiment.objects.filter(condition).select_related("signal", "decision").order_by("-pk")[:MOST]:
            if row.pk not in seen:
                seen.add(row.pk)
                yield row, tells_roles


def _conditions(text: str) -> Iterator[tuple[Q, bool]]:
    # Each by itself: an OR across tables uses no index.
    if digits := digits_of(text):
        for field in ("experiment_id", "signal_id"):
            yield id_begins(field, digits), False
        yield hash_begins("signal_hash", digits), False
        contexts = MarketContext.objects.filter(hash_begins("context_hash", digits))
        yield Q(signal_id__in=list(contexts.values_list("signal_id", flat=True)[:MOST])), False
        yield hash_begins("assignment_hash", digits), True
        for model in (RealTrade, ShadowTrade):
            trades = model.objects.filter(id_begins("trade_id", digits))
            yield Q(pk__in=list(trades.values_list("experiment_id", flat=True)[:MOST])), True
        decisions = ExecutionDecision.objects.filter(hash_begins("decision_hash", digits)).order_by("-decided_at")
        yield Q(pk__in=list(decisions.values_list("pk", flat=True)[:MOST])), True
    orders = Signal.objects.filter(order_id=text).exclude(order_id="").order_by("-received_at")
    yield Q(signal_id__in=list(orders.values_list("pk", flat=True)[:MOST])), False


def symbol_and_day(text: str) -> tuple[str, date] | None:
    """What "MSFT 2003-09-23" names, in either order; of a day alone the symbol is "". None for any other text."""
    words = text.split()
    days = [word for word in words if _DAY.fullmatch(word)]
    if len(days) != 1 or len(words) > 2:
        return None
    try:
        day = date.fromisoformat(days[0])
        # The first and the last years of all have no place in every zone.
        within_days("timestamp", NEW_YORK, day, day)
    except (ValueError, OverflowError):
        return None
    return next((word for word in words if word not in days), "").upper(), day


def facets_of(named: tuple[str, date]) -> dict[str, str]:
    """The facets of the list of signals that show a symbol's signals of a day of New York, or all of that day."""
    symbol, day = named
    found = {"market_date_from": day_text(day), "market_date_to": day_text(day)}
    return {"signal__symbol": symbol, **found} if symbol else found
