"""One engine over time: earned, answered, how fast, by which version."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from admin_kit.charts import Chart
from experiments.models import SignalDistribution
from orchestrator_site.console.engine_history import answers_chart, earned_charts, figures, latency_chart
from outcomes.performance.history import Answers, Earned, Latency, Version, versions
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.closed_trades import EXIT_TIME, Closed, add_up, answer, close_pair, close_trade, leave_by_own_rules

MONDAY = date(2026, 3, 16)
DAY = timedelta(days=1)


def values(chart: Chart) -> dict[str, list[Any]]:
    return {one.name: list(one.values) for one in chart.series}


def earned(days: int, kind: str, total: str, *, wins: int = 1, fees: str = "0") -> Earned:
    amount = Decimal(total)
    return Earned(MONDAY + days * DAY, kind, 2, wins, amount, 2, amount / 1000, Decimal(fees))


# The charts, from sums


def test_what_it_earned_is_drawn_by_kind_and_never_added() -> None:
    rows = [earned(0, "real", "50", fees="1.30"), earned(0, "shadow", "-10"), earned(2, "real", "-80", wins=0)]

    pnl, r, wins, fees = earned_charts("A", rows, [], "USD")

    assert values(pnl) == {"real": [0, 50, 50, -30], "shadow": [0, -10, -10, -10]}
    assert values(r) == {"real": [0.025, None, -0.04], "shadow": [-0.005, None, None]}
    assert values(wins) == {"real": [50.0, None, 0.0], "shadow": [50.0, None, None]}
    assert values(fees)["real"] == [1.3, 0, 0]
    assert pnl.summary == (
        "At the end, in USD: real -30.00, shadow -10.00. "
        "Real and shadow cover different signals: never add or compare them."
    )
    assert earned_charts("A", [], [], "USD") == []


def test_an_average_is_rounded_once_as_compare_and_the_report_do() -> None:
    rows = [earned(0, "shadow", "-23.0144")]  # two trades, 1,000 at risk each: -0.0115072 R

    assert dict(figures(rows, "USD"))["Average R"] == ["n/a", "-0.012", "n/a"]


def test_a_line_stands_where_a_version_begins_and_none_where_the_chart_does() -> None:
    known = [Version("1.0", "r", MONDAY, MONDAY), Version("1.1", "r", MONDAY + DAY, MONDAY + 2 * DAY)]

    pnl, *_ = earned_charts("B", [earned(0, "real", "5"), earned(2, "real", "5")], known, "USD")

    # The first exit after it began.
    assert [(mark.label, mark.text) for mark in pnl.marks] == [("2026-03-18", "1.1")]


def test_versions_of_one_engine_are_not_split_by_the_other() -> None:
    def phase(day: int, a: str, b: str) -> dict[str, Any]:
        engines = {name: {"strategy_version": said, "rules_hash": "r"} for name, said in (("A", a), ("B", b))}
        moment = f"{MONDAY + day * DAY}"
        return {"first_day": moment, "last_day": moment, "engines": engines}

    phases = [phase(0, "1", "1"), phase(1, "1", "2"), phase(2, "2", "2"), phase(3, "", "2")]

    assert versions(phases, "A") == [
        Version("1", "r", MONDAY, MONDAY + DAY), Version("2", "r", MONDAY + 2 * DAY, MONDAY + 2 * DAY),
    ]  # fmt: skip
    assert [one.strategy_version for one in versions(phases, "B")] == ["1", "2"]


def test_answers_are_stacked_and_the_slowest_time_is_named() -> None:
    chart = answers_chart("A", [Answers(MONDAY, 3, 1, 0, 1), Answers(MONDAY + DAY, 2, 0, 4, 0)])
    slow = latency_chart("A", [Latency("2026-03-16", 2, 0.0, 1.5), Latency("2026-03-17", 1, 0.2, 9.25)])

    assert chart is not None
    assert slow is not None
    assert values(chart) == {"to open": [3, 2], "declined": [1, 0], "no answer": [0, 4]}
    assert chart.summary == (
        "Of 10 signals: 5 to open, 1 declined, 4 no answer. 1 of those to open never became a trade."
    )
    assert values(slow) == {"median": [0.001, 0.2], "95th percentile": [1.5, 9.25]}
    assert slow.summary == "3 answers. Slowest 2026-03-17 (New York): 95% within 9.25 s."
    assert (answers_chart("A", []), latency_chart("A", [])) == (None, None)


# The page, from stored trades


@pytest.mark.django_db
@pytest.mark.parametrize("added_up", [False, True], ids=["from the rows", "from the sums of days"])
def test_an_engine_is_shown_over_time(added_up: bool) -> None:
    charged = make_experiment("A")
    for engine, pnl in (("A", "10"), ("B", "4")):
        answer(charged, engine)
        close_trade(charged, engine, pnl, EXIT_TIME, fees="1.30" if engine == "A" else "0")
    leave_by_own_rules(close_pair("B", Closed(a="-3", b="4", exit_time=EXIT_TIME + DAY)), "A", "7")
    declined = make_experiment("A")
    distributed = SignalDistribution.objects.get(experiment=declined, engine="A").distributed_at
    answer(declined, "A", action="DECLINE", recommended_at=distributed + timedelta(seconds=5))
    make_experiment("A")
    if added_up:
        add_up()

    part = logged_in("analyst").get(reverse("admin:engines"), {"part": "A"})

    shown = dict(part.context["figures"])
    assert (shown["Trades"], shown["Win rate"]) == (["1", "1", "1"], ["100.0%", "0.0%", "100.0%"])
    assert shown["P&L after fees, USD"] == ["+8.70", "-3.00", "+7.00"]
    assert shown["Fees, USD"][0] == "1.30"
    charts = {chart.identity: chart for chart in part.context["charts"]}
    assert list(charts) == ["pnl-a", "r-a", "wins-a", "fees-a", "answers-a", "latency-a"]
    assert values(charts["pnl-a"])["real"] == [0, 8.7, 8.7]
    assert charts["answers-a"].summary.startswith("Of 4 signals: 2 to open, 1 declined, 1 no answer.")
    # The other answers of this history are older than their signals, which cannot be.
    assert charts["latency-a"].summary.startswith("1 answer.")
    assert values(charts["latency-a"])["95th percentile"][0] > 0
    assert part.context["versions"] == [("1", "a" * 64, "2026-03-16", "2026-03-17")]


@pytest.mark.django_db
def test_the_period_and_each_file_stand_in_the_address() -> None:
    # Whenever the tests run, that was not in the last two weeks.
    close_pair("A", Closed(a="10", b="4", exit_time=EXIT_TIME - 3650 * DAY))
    analyst = logged_in("analyst")
    address = reverse("admin:engines")

    page = analyst.get(address, {"days": "30"}).content.decode()
    recent = analyst.get(address, {"part": "A", "days": "30"})
    file = analyst.get(address, {"part": "A", "csv": "pnl-a"})

    assert "?part=A&amp;days=30" in page
    assert "A has closed no trade in this time" in recent.content.decode()
    assert list(csv.reader(io.StringIO(file.content.decode())))[-1] == ["2016-03-18", "10.0"]
    assert analyst.get(address, {"part": "C"}).status_code == 404


@pytest.mark.django_db
def test_who_may_see_no_results_sees_the_engines_without_them() -> None:
    viewer = logged_in("viewer")

    assert "Reading what" not in viewer.get(reverse("admin:engines")).content.decode()
    assert viewer.get(reverse("admin:engines"), {"part": "A"}).status_code == 404
