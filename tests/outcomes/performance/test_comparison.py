"""What the comparison adds up beside the report: slices, spreads at the entry, pairs by own exits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from experiments.models import Experiment
from outcomes.models import OwnExit
from outcomes.performance import comparison
from outcomes.performance.comparison import NOTHING, Sums, groups, totals
from outcomes.performance.scope import PerformanceFilters, Scope
from tests.factories import MOMENT, make_experiment
from tests.outcomes.closed_trades import (
    EXIT_TIME,
    Closed,
    add_up,
    answer,
    break_rule,
    close_pair,
    close_trade,
    leave_by_own_rules,
)

pytestmark = pytest.mark.django_db


def given(executed: str, a: str, b: str | None, *, minute: int, **more: Any) -> Experiment:
    """Close a pair whose signal is of this minute past half past two in the afternoon, UTC."""
    exit_time = more.pop("exit_time", EXIT_TIME)
    return close_pair(
        executed, Closed(a=a, b=b, exit_time=exit_time), timestamp=MOMENT + timedelta(minutes=minute), **more
    )


def slices(field: str, **filters: Any) -> Any:
    found = groups(Scope.of(PerformanceFilters(**filters)), in_r=False)
    return {one.value: (one.sums.n, one.sums.difference) for one in found if one.field == field}


@pytest.mark.parametrize("added_up", [False, True], ids=["from the rows", "from the sums of days"])
def test_pairs_are_sliced_by_what_their_signals_and_prices_are(added_up: bool) -> None:
    given("A", "10", "4", minute=0, symbol="SPY", direction="LONG")
    given("B", "1", "4", minute=1, symbol="QQQ", direction="SHORT")
    given("A", "9", None, minute=2, symbol="QQQ")
    break_rule(given("A", "9", "1", minute=3, symbol="IWM"), "B")
    if added_up:
        add_up()

    assert slices("symbol") == {"SPY": (1, 6), "QQQ": (1, -3)}
    assert slices("direction") == {"LONG": (1, 6), "SHORT": (1, -3)}
    assert slices("timeframe") == {"5m": (2, 3)}
    assert slices("hour") == {"10": (2, 3)}
    assert slices("provenance") == {"SAME_SNAPSHOT_QUOTE": (2, 3)}
    assert slices("symbol", symbol="SPY") == {"SPY": (1, 6)}
    assert slices("hour", symbol="QQQ") == {"10": (1, -3)}


def test_of_a_part_of_too_many_trades_spreads_alone_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given("A", "10", "4", minute=0, symbol="SPY")
    given("A", "5", "4", minute=1, symbol="SPY", exit_time=EXIT_TIME + timedelta(days=1))
    given("B", "1", "4", minute=2, symbol="QQQ")
    add_up()
    given("B", "7", "4", minute=3, symbol="SPY", exit_time=EXIT_TIME + timedelta(days=2))
    spreads_of_few = slices("spread", symbol="SPY")
    monkeypatch.setattr(comparison, "MOST_READ", 1)

    assert slices("symbol", symbol="SPY") == {"SPY": (3, 10)}
    assert slices("hour", symbol="SPY") == {"10": (3, 10)}
    assert (list(spreads_of_few), slices("spread", symbol="SPY")) == ([""], {})
    assert slices("hour") == {"10": (4, 7)}


@pytest.mark.parametrize("added_up", [False, True], ids=["from the rows", "from the sums of days"])
def test_a_slice_by_hour_or_exit_price_is_what_its_filter_leaves(added_up: bool) -> None:
    given("A", "10", "4", minute=0, symbol="SPY")
    given("B", "1", "4", minute=45, symbol="SPY")
    given("A", "8", "1", minute=46, symbol="QQQ")
    given("A", "9", None, minute=47)
    if added_up:
        add_up()

    assert slices("hour") == {"10": (1, 6), "11": (2, 4)}
    assert slices("symbol", hour=11) == {"SPY": (1, -3), "QQQ": (1, 7)}
    assert slices("hour", hour=11, symbol="SPY") == {"11": (1, -3)}
    assert slices("symbol", provenance="SAME_SNAPSHOT_QUOTE", direction="LONG") == {"SPY": (2, 3), "QQQ": (1, 7)}
    assert slices("symbol", provenance="UNPRICED") == {}


def test_trades_are_grouped_by_the_spread_at_their_entry() -> None:
    experiment = make_experiment("A")
    wide = {"X": {"bid": "0.90", "ask": "1.10"}, "Y": {"bid": "none", "ask": "1.01"}}
    narrow = {"X": {"bid": "1.00", "ask": "1.03"}, "Y": {"bid": "1.00", "ask": "1.01"}}
    for engine, pnl, quotes in (("A", "10", narrow), ("B", "4", wide)):
        answer(experiment, engine)
        close_trade(experiment, engine, pnl, EXIT_TIME, entry_quotes=quotes)
    close_pair("B", Closed(a="3", b="4"))

    found = groups(Scope.of(PerformanceFilters()), in_r=False)

    # 0.04 over 2.02 in the middle is 1.98 %; 0.20 over 1.00 is 20 %; of a quote that is no number nothing is known.
    assert [
        (one.kind, one.engine, one.value, one.sums.n, int(one.sums.difference))
        for one in found
        if one.field == "spread"
    ] == [("real", "B", "", 1, 4), ("shadow", "A", "", 1, 3), ("real", "A", "1", 1, 10), ("shadow", "B", "4", 1, 4)]


@pytest.mark.parametrize("added_up", [False, True], ids=["from the rows", "from the sums of days"])
def test_pairs_stand_once_more_with_the_shadows_own_exit(added_up: bool) -> None:
    a_real = close_pair("A", Closed(a="10", b="4"))
    leave_by_own_rules(a_real, "B", "7")
    b_real = close_pair("B", Closed(a="5", b="4"))
    leave_by_own_rules(b_real, "A", "1", exit_time=EXIT_TIME + timedelta(days=3))
    leave_by_own_rules(close_pair("A", Closed(a="9", b="1")), "B", None)
    leave_by_own_rules(close_pair("A", Closed(a="9", b=None)), "B", "3")
    broken = close_pair("A", Closed(a="9", b="1"))
    OwnExit.objects.filter(pk=leave_by_own_rules(broken, "B", "3").pk).update(violations=["LATE_REPORT"])
    leave_by_own_rules(close_pair(None, Closed(a="8", b="1")), "B", "3")
    if added_up:
        add_up()

    found = totals(Scope.of(PerformanceFilters()), "own_pair", in_r=False)

    # A for real: 10 - 7 in place of 6. B for real: 1 - 4 in place of 1.
    assert found == {
        "A": Sums(1, Decimal(3), Decimal(9), Decimal(6)), "B": Sums(1, Decimal(-3), Decimal(9), Decimal(1)),
        "": Sums(2, Decimal(0), Decimal(18), Decimal(7)),
    }  # fmt: skip
    late = Scope.of(PerformanceFilters(since=EXIT_TIME + timedelta(days=1)))
    assert totals(late, "own_pair", in_r=True)["B"] == Sums(1, Decimal("-0.003"), Decimal("0.000009"), Decimal("0.001"))
    assert totals(late, in_r=True)[""] == NOTHING
