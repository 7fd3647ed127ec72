"""The report over stored outcomes: who is counted where, and what the filters choose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from kernel.canonical import document_hash
from outcomes.performance.report import cumulative_series, one_snapshot, performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.factories import make_experiment, make_signal
from tests.outcomes.closed_trades import (
    EXIT_TIME,
    Closed,
    answer,
    break_rule,
    close_pair,
    close_trade,
    close_trades,
    leave_by_own_rules,
)

pytestmark = pytest.mark.django_db
ANY = PerformanceFilters()


def totals(report: dict[str, Any]) -> dict[str, str]:
    """Return the total P&L of each engine and kind that has a trade."""
    return {
        f"{engine} {kind}": figures["total_pnl"]
        for engine, kinds in report["engines"].items()
        for kind, figures in kinds.items()
        if figures["n"]
    }


def test_an_empty_report_has_every_member_and_no_number_made_up() -> None:
    report = performance_report(ANY)

    assert set(report) == {
        "as_of", "report_hash", "filters", "currencies", "phases", "conventions", "engines", "pairs"
    }  # fmt: skip
    kinds = ["real", "shadow", "own_exit"]
    assert {engine: list(shown) for engine, shown in report["engines"].items()} == {"A": kinds, "B": kinds}
    assert totals(report) == {}
    assert report["engines"]["A"]["real"]["undefined"]["win_rate"] == "no trades"
    assert (report["pairs"]["n"], report["phases"]) == (0, [])
    assert report["pairs"]["undefined"]["mean_difference"] == "no pairs"


def test_every_figure_has_its_definition_beside_it() -> None:
    report = performance_report(ANY)

    figures = {*report["engines"]["A"]["real"], *report["pairs"]} - {"undefined"}
    assert {name for name in figures if not report["conventions"].get(name)} == set()
    assert "America/New_York" in report["conventions"]["sharpe_daily"]
    assert "sqrt(252)" in report["conventions"]["sharpe_daily"]
    assert "not annualised" in report["conventions"]["sharpe_per_trade"]


def test_real_and_shadow_outcomes_are_never_added() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    close_pair("B", Closed(a="19.00", b="8.00"))

    report = performance_report(ANY)

    assert totals(report) == {"A real": "60.00", "A shadow": "19.00", "B real": "8.00", "B shadow": "33.00"}


def test_figures_of_an_engine_are_shown_with_their_reasons() -> None:
    for day, pnl in enumerate(("100", "-50", "0")):
        close_pair("A", Closed(a=pnl, exit_time=EXIT_TIME + timedelta(days=day)))

    figures = performance_report(ANY)["engines"]["A"]["real"]

    assert {name: figures[name] for name in ("n", "wins", "losses", "flats", "active_days")} == {
        "n": 3, "wins": 1, "losses": 1, "flats": 1, "active_days": 3
    }  # fmt: skip
    assert figures["win_rate"] == "0.333333333333333"
    assert figures["total_pnl"] == "50.00"
    assert figures["average_pnl"] == "16.6666666666667"
    assert figures["max_drawdown"] == "50.00"
    assert figures["sharpe_per_trade"] == "0.218217890235992"
    assert figures["profit_factor"] == "2"
    assert figures["price_provenance"] == {"BROKER_FILL": 3}
    assert figures["undefined"] == {}


def test_a_pair_is_a_minus_b_whoever_traded_for_real() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    close_pair("B", Closed(a="19.00", b="30.00"))

    pairs = performance_report(ANY)["pairs"]

    assert (pairs["n"], pairs["mean_difference"]) == (2, "8.00")
    assert (pairs["a_better"], pairs["b_better"], pairs["tied"]) == (1, 1, 0)
    assert [pairs["a_real"][name] for name in ("n", "mean_difference", "mean_difference_r")] == [1, "27.00", "0.027"]
    assert [pairs["b_real"][name] for name in ("n", "mean_difference", "mean_difference_r")] == [1, "-11.00", "-0.011"]
    assert pairs["role_balanced"]["engine_effect"] == "8.00"
    assert pairs["role_balanced"]["real_execution_effect"] == "-19.00"
    assert pairs["role_balanced_r"]["engine_effect"] == "0.008"
    # One pair in each role has no spread.
    assert pairs["role_balanced"]["engine_effect_interval"] is None


def test_pairs_are_described_and_no_verdict_is_given() -> None:
    for number in range(3):
        close_pair("A", Closed(a=f"{60 + number}.00", b="33.00"))

    report = performance_report(ANY)

    assert report["pairs"]["nature"].startswith("exploratory")
    assert "verdict" not in str(report).lower()


def test_with_one_role_only_the_comparison_says_it_is_confounded() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    pairs = performance_report(ANY)["pairs"]

    assert pairs["role_balanced"] is None
    assert pairs["undefined"]["role_balanced"] == "confounded with execution mode"


def test_two_shadows_of_one_signal_are_compared_apart() -> None:
    close_pair(None, Closed(a="10.00", b="4.00"))

    report = performance_report(ANY)

    assert totals(report) == {"A shadow": "10.00", "B shadow": "4.00"}
    assert report["pairs"]["n"] == 0
    assert (report["pairs"]["unpaired"]["n"], report["pairs"]["unpaired"]["mean_difference"]) == (1, "6.00")


def test_the_split_is_held_against_the_variants_whatever_they_did() -> None:
    variants = [make_experiment("A", policy={"split_percentage": "100"}).variant for _ in range(3)]
    for _ in range(12):
        make_experiment(None, policy={"split_percentage": "50"})

    splits = performance_report(PerformanceFilters(variant="A", execution_mode="ENGINE_A_PRIMARY"))["pairs"][
        "sample_ratio"
    ]

    assert variants == ["A", "A", "A"]
    assert [(row["split_percentage"], row["a"] + row["b"]) for row in splits] == [("50.00", 12), ("100.00", 3)]
    assert (splits[0]["evidence"] is None, splits[1]["evidence"]) == (False, None)
    assert splits[1]["undefined"] == {"evidence": "nothing is split"}
    assert [row["alert"] for row in splits] == [False, False]


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ({}, {"A real": "11.00", "B shadow": "0.00", "B real": "100.00"}),
        ({"symbol": "SPY"}, {"A real": "1.00", "B shadow": "0.00"}),
        ({"timeframe": "1h"}, {"A real": "10.00"}),
        ({"direction": "SHORT"}, {"A real": "10.00"}),
        ({"strategy": ""}, {"A real": "11.00", "B shadow": "0.00"}),
        ({"strategy": "breakout"}, {"B real": "100.00"}),
        ({"source": "other"}, {"B real": "100.00"}),
        ({"execution_mode": "ENGINE_B_PRIMARY"}, {"B real": "100.00"}),
        ({"symbol": "SPY", "execution_mode": "ENGINE_B_PRIMARY"}, {}),
        ({"symbol": "' OR 1=1 --"}, {}),
    ],
)
def test_filters_choose_outcomes_by_their_signal_and_decision(filters: dict[str, Any], chosen: dict[str, str]) -> None:
    close_pair("A", Closed(a="1.00", b="0.00"), symbol="SPY")
    close_pair("A", Closed(a="10.00"), symbol="QQQ", timeframe="1h", direction="SHORT")
    close_pair("B", Closed(b="100.00"), symbol="IWM", strategy="breakout", source="other")

    assert totals(performance_report(PerformanceFilters(**filters))) == chosen


def test_filters_choose_by_policy_version_and_variant() -> None:
    first = close_pair("A", Closed(a="1.00"), policy={"split_percentage": "100"})
    second = close_pair("A", Closed(a="10.00"), policy={"split_percentage": "0"})

    by_version = performance_report(PerformanceFilters(policy_version=first.policy_version_id))
    by_variant = performance_report(PerformanceFilters(variant=second.variant))

    assert totals(by_version) == {"A real": "1.00"}
    assert totals(by_variant) == {"A real": "10.00"}
    assert by_version["filters"]["policy_version"] == first.policy_version_id


def test_a_period_holds_its_beginning_and_not_its_end() -> None:
    close_pair("A", Closed(a="1.00", b="2.00", exit_time=EXIT_TIME))
    close_pair("A", Closed(a="10.00", b="20.00", exit_time=EXIT_TIME + timedelta(days=1)))

    first_day = performance_report(PerformanceFilters(since=EXIT_TIME, until=EXIT_TIME + timedelta(days=1)))

    assert totals(first_day) == {"A real": "1.00", "B shadow": "2.00"}
    assert first_day["pairs"]["mean_difference"] == "-1.00"
    assert first_day["filters"]["since"] == "2026-03-16T19:00:00.000000Z"


def test_two_shadows_count_for_the_period_of_the_later_exit() -> None:
    experiment = make_experiment(None)
    for engine, days in (("A", 0), ("B", 1)):
        answer(experiment, engine)
        close_trade(experiment, engine, "5.00", EXIT_TIME + timedelta(days=days))

    def pairs_from(since: datetime) -> int:
        filters = PerformanceFilters(since=since, until=since + timedelta(days=1))
        counted: int = performance_report(filters)["pairs"]["unpaired"]["n"]
        return counted

    assert (pairs_from(EXIT_TIME), pairs_from(EXIT_TIME + timedelta(days=1))) == (0, 1)


@pytest.mark.parametrize(
    "filters", [ANY, PerformanceFilters(symbol="SPY", execution_mode="SHADOW_ONLY", since=EXIT_TIME)]
)
def test_the_report_takes_as_many_statements_however_much_there_is(
    filters: PerformanceFilters, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    # Moment, currency and ranges; figures; drawdowns; answers; phases. With filters the slices that they choose, and
    # the split, which is held against all modes.
    with django_assert_num_queries(8 if filters.execution_mode else 5):
        performance_report(filters)


@pytest.mark.django_db(transaction=True)
def test_a_report_is_of_one_instant() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    with one_snapshot(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        isolation = cursor.fetchone()
        cursor.execute("SHOW transaction_read_only")
        read_only = cursor.fetchone()

    assert (isolation, read_only) == (("repeatable read",), ("on",))
    assert totals(performance_report(ANY)) == {"A real": "60.00", "B shadow": "33.00"}


def test_the_curve_adds_up_exits_in_their_order_without_unpriced_and_broken_ones() -> None:
    close_pair("A", Closed(a="-20.00", exit_time=EXIT_TIME + timedelta(hours=2)))
    close_pair("A", Closed(a="50.00", b=None, exit_time=EXIT_TIME))
    break_rule(close_pair("A", Closed(b="1.00")), "B")

    series = cumulative_series(ANY)

    assert series == [
        {
            "engine": "A",
            "kind": "real",
            "points": [(EXIT_TIME, Decimal("50.00")), (EXIT_TIME + timedelta(hours=2), Decimal("30.00"))],
        }
    ]


def test_the_report_tells_the_time_of_the_database() -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)

    as_of = datetime.fromisoformat(performance_report(ANY)["as_of"])

    assert before < as_of < before + timedelta(minutes=10)


def test_a_report_is_known_by_the_hash_of_what_it_says() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    first, again = performance_report(ANY), performance_report(ANY)
    close_pair("A", Closed(a="1.00", b="2.00"))
    later = performance_report(ANY)

    assert first["report_hash"] == again["report_hash"] != later["report_hash"]
    said = {name: value for name, value in first.items() if name not in ("as_of", "report_hash")}
    assert document_hash(said) == first["report_hash"]


def under_the_same_policy() -> Experiment:
    """An experiment of another signal, decided like the one before."""
    signal = make_signal()
    drain()
    return Experiment.objects.get(signal=signal)


def test_a_report_names_the_phases_that_it_is_over() -> None:
    before = close_pair("A", Closed(a="60.00", b="33.00"))
    after = close_pair("A", Closed(a="1.00", b="2.00", exit_time=EXIT_TIME + timedelta(days=2)), policy={"note": "x"})
    unanswered_by_b, changed = under_the_same_policy(), under_the_same_policy()
    # B has not answered: that is no phase of its own.
    close_trades(unanswered_by_b, Closed(a="1.00", exit_time=EXIT_TIME + timedelta(days=3)))
    for engine in ("A", "B"):
        answer(changed, engine, strategy_version="2")
        close_trade(changed, engine, "5.00", EXIT_TIME + timedelta(days=4))

    phases = performance_report(ANY)["phases"]

    assert [
        (phase["policy_version"], phase["first_day"], phase["last_day"], phase["engines"]["B"]["strategy_version"])
        for phase in phases
    ] == [
        (before.policy_version_id, "2026-03-16", "2026-03-16", "1"),
        (after.policy_version_id, "2026-03-18", "2026-03-19", "1"),
        (after.policy_version_id, "2026-03-20", "2026-03-20", "2"),
    ]


def test_what_shadows_would_have_made_by_their_own_rules_stands_beside_what_counts() -> None:
    experiment = close_pair("A", Closed(a="60.00", b="33.00"))
    leave_by_own_rules(experiment, "B", "12.00")
    broken = close_pair("A", Closed(a="1.00", b="2.00"))
    leave_by_own_rules(broken, "B", "5.00", violations=["LATE_REPORT"])
    leave_by_own_rules(close_pair("A", Closed(a="1.00", b="2.00")), "B", None)

    figures = performance_report(ANY)["engines"]["B"]

    assert (figures["shadow"]["n"], figures["shadow"]["total_pnl"]) == (3, "37.00")
    own = figures["own_exit"]
    assert [own[name] for name in ("n", "total_pnl", "average_r", "unpriced", "violations")] == [
        1, "12.00", "0.012", 1, 1
    ]  # fmt: skip
