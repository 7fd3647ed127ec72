"""What counts in the report, and what is only counted: violations, rolls, currencies, answers without an outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from outcomes.performance.report import cumulative_series, performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.factories import make_experiment
from tests.outcomes.closed_trades import (
    EXIT_TIME,
    Closed,
    answer,
    break_rule,
    close_pair,
    close_trade,
    open_trade,
    roll,
)
from tests.outcomes.performance.test_performance import ANY, totals

pytestmark = pytest.mark.django_db


def test_an_unpriced_outcome_is_counted_and_in_no_figure() -> None:
    close_pair("A", Closed(a="60.00", b=None))

    report = performance_report(ANY)

    shadow = report["engines"]["B"]["shadow"]
    assert (shadow["n"], shadow["unpriced"], shadow["total_pnl"]) == (0, 1, "0.00")
    assert report["engines"]["A"]["real"]["n"] == 1
    assert (report["pairs"]["n"], report["pairs"]["unpriced"]) == (0, 1)


def test_a_shadow_whose_engine_broke_a_rule_is_left_out_of_its_figures_and_counted() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    broken = close_pair("A", Closed(a="1000.00", b="-1000.00"))
    break_rule(broken, "B")
    break_rule(broken, "B", "EXIT_TIME_DIFFERS")

    report = performance_report(ANY)

    assert totals(report) == {"A real": "1060.00", "B shadow": "33.00"}
    assert report["engines"]["A"]["real"]["violations"] == 0
    assert report["engines"]["B"]["shadow"]["violations"] == 1
    assert (report["pairs"]["n"], report["pairs"]["violations"]) == (1, 1)
    assert report["pairs"]["mean_difference"] == "27.00"


def test_a_violation_takes_no_real_money_out_of_an_engines_own_figures() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    broken = close_pair("A", Closed(a="-1000.00", b="5.00"))
    break_rule(broken, "A")

    report = performance_report(ANY)

    # Nor does it take anything from the engine that kept the rules.
    assert totals(report) == {"A real": "-940.00", "B shadow": "38.00"}
    assert [report["engines"][engine][kind]["violations"] for engine, kind in (("A", "real"), ("B", "shadow"))] == [
        1,
        0,
    ]
    assert (report["pairs"]["n"], report["pairs"]["violations"]) == (1, 1)


def test_a_pair_is_charged_the_schedules_fees_whatever_the_broker_took() -> None:
    experiment = make_experiment("A")
    for engine, fees in (("A", "25.50"), ("B", "0")):
        answer(experiment, engine)
        close_trade(experiment, engine, "60.00", EXIT_TIME, fees=fees)

    report = performance_report(ANY)

    assert totals(report) == {"A real": "34.50", "B shadow": "60.00"}
    assert report["pairs"]["mean_difference"] == "0.00"


def test_a_pair_that_a_roll_left_open_is_counted_and_in_no_pair_figure() -> None:
    experiment = make_experiment("A")
    answer(experiment, "A")
    real = open_trade(experiment, "A", EXIT_TIME - timedelta(hours=1), quantity=2)
    # Half of it is rolled; all of it is closed later.
    roll(real, EXIT_TIME - timedelta(minutes=30))
    answer(experiment, "B")
    close_trade(experiment, "B", "33.00", EXIT_TIME)

    report = performance_report(ANY)

    assert totals(report) == {"A real": "-120.00", "B shadow": "33.00"}
    assert (report["pairs"]["n"], report["pairs"]["incomparable"], report["pairs"]["unpriced"]) == (0, 1, 0)


def test_the_average_r_weighs_each_trade_by_what_it_risked() -> None:
    for price, pnl in (("10", "100.00"), ("1", "-50.00"), ("0", "7.00")):
        experiment = make_experiment("A")
        answer(experiment, "A")
        close_trade(experiment, "A", pnl, EXIT_TIME, entry_price=Decimal(price))

    figures = performance_report(ANY)["engines"]["A"]["real"]

    # +0.1 R of 1000, -0.5 R of 100; nothing was at risk in the third.
    assert (figures["average_r"], figures["at_risk"], figures["n"]) == ("-0.2", 2, 3)


def test_a_report_is_in_one_currency_and_names_it() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    close_pair("A", Closed(a="7.00", b="5.00", currency="EUR"))

    asked, unasked = performance_report(PerformanceFilters(currency="EUR")), performance_report(ANY)

    assert (asked["filters"]["currency"], totals(asked)) == ("EUR", {"A real": "7.00", "B shadow": "5.00"})
    # The policy in force trades in USD.
    assert (unasked["filters"]["currency"], totals(unasked)) == ("USD", {"A real": "60.00", "B shadow": "33.00"})
    assert (asked["pairs"]["mean_difference"], unasked["pairs"]["mean_difference"]) == ("2.00", "27.00")
    assert unasked["currencies"] == ["EUR", "USD"]


def test_the_only_currency_there_is_needs_no_asking() -> None:
    close_pair("A", Closed(a="7.00", b="5.00", currency="EUR"))

    report = performance_report(ANY)

    assert (report["filters"]["currency"], totals(report)) == ("EUR", {"A real": "7.00", "B shadow": "5.00"})
    assert [series["engine"] for series in cumulative_series(ANY)] == ["A", "B"]


def test_a_pair_in_two_currencies_has_no_difference() -> None:
    experiment = make_experiment("A")
    for engine, currency in (("A", "EUR"), ("B", "USD")):
        answer(experiment, engine)
        close_trade(experiment, engine, "60.00", EXIT_TIME, currency=currency)

    pairs = performance_report(PerformanceFilters(currency="USD"))["pairs"]

    assert (pairs["n"], pairs["incomparable"]) == (0, 1)


def test_answers_that_brought_no_outcome_are_counted_by_what_became_of_them() -> None:
    now = datetime.now(UTC)
    declined, open_still, late, waiting = (make_experiment("A") for _ in range(4))
    for engine in ("A", "B"):
        permit = {"permit_expires_at": now + timedelta(minutes=1)} if engine == "A" else {}
        answer(declined, engine, action="DECLINE")
        answer(open_still, engine)
        open_trade(open_still, engine, now)
        answer(late, engine)
        answer(waiting, engine, recommended_at=now, **permit)

    engines = performance_report(ANY)["engines"]

    counts = {"declined": 1, "never_opened": 1, "pending": 2}
    for figures in (engines["A"]["real"], engines["B"]["shadow"]):
        assert {name: figures[name] for name in counts} == counts
    assert {engines["A"]["shadow"][name] for name in counts} == {0}


def test_completeness_tells_which_engine_left_signals_unanswered() -> None:
    for engines in (("A", "B"), ("A",), ("A",), ("B",), ()):
        experiment = make_experiment("A")
        for engine in engines:
            answer(experiment, engine)

    completeness = performance_report(ANY)["pairs"]["completeness"]

    assert completeness == {"both": 1, "a_only": 2, "b_only": 1, "neither": 1, "p": "1"}
