"""The Compare page: the pairs drawn in R and in currency, the best and worst named, what of it is execution."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from admin_kit.charts import Chart
from orchestrator_site.console import compare_page
from orchestrator_site.console.compare_charts import Unit, equity_charts, phase_marks, time_axis
from orchestrator_site.console.compare_slices import calibration_charts, slice_charts
from orchestrator_site.console.compare_words import execution
from outcomes.performance import comparison
from outcomes.performance.comparison import DAY, Group, Slot, Sums
from tests.factories import MOMENT
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.closed_trades import EXIT_TIME, Closed, add_up, close_pair, leave_by_own_rules

IN_USD = Unit("USD", in_r=False)
MONDAY = date(2026, 3, 16)


@pytest.fixture
def analyst() -> Client:
    return logged_in("analyst")


def slot(day: date, a: str, b: str) -> Slot:
    return Slot(day, f"{day}", Decimal(a) - Decimal(b), Decimal(a))


def drawn(*slots: Slot) -> list[Chart]:
    difference, of_a = (sum((getattr(one, of) for one in slots), Decimal(0)) for of in ("difference", "of_a"))
    total = Sums(len(slots), difference, Decimal(0), of_a)
    return equity_charts(slots, total, IN_USD, [])


def values(chart: Chart) -> dict[str, list[Any]]:
    return {one.name: list(one.values) for one in chart.series}


def given_pairs() -> None:
    """Close pairs on ten days: of 1,000 at risk A makes 10 to 100, B 20; B is the real one on the last four."""
    for number in range(10):
        closed = Closed(a=f"{10 * (number + 1)}", b="20", exit_time=EXIT_TIME + number * DAY)
        moment = MOMENT + timedelta(minutes=number)
        close_pair("A" if number < 6 else "B", closed, symbol="SPY" if number % 2 else "QQQ", timestamp=moment)


def see(analyst: Client, **query: str) -> Any:
    return analyst.get(reverse("admin:report"), query)


# The charts, from sums


def test_curves_begin_at_zero_and_fall_from_their_peaks() -> None:
    slots = [slot(MONDAY, "50", "10"), slot(MONDAY + DAY, "-80", "10"), slot(MONDAY + 3 * DAY, "20", "10")]

    equity, drawdown = drawn(*slots)

    assert values(equity) == {"A": [0, 50, -30, -30, -10], "B": [0, 10, 20, 20, 30], "A - B": [0, 40, -50, -50, -40]}
    assert values(drawdown) == {"A": [0, 0, -80, -80, -60], "B": [0] * 5, "A - B": [0, 0, -90, -90, -80]}
    assert equity.labels == ["2026-03-15", "2026-03-16", "2026-03-17", "2026-03-18", "2026-03-19"]
    assert "A -10.00 USD, B +30.00 USD, A - B -40.00 USD" in equity.summary


def test_a_slot_of_several_days_keeps_its_deepest_fall_in_one_point() -> None:
    far = slot(MONDAY + 500 * DAY, "1", "0")
    week = [slot(MONDAY, "10", "0"), slot(MONDAY + DAY, "-30", "0"), slot(MONDAY + 2 * DAY, "25", "0")]

    equity, drawdown = drawn(*week, far)

    assert values(equity)["A"][:3] == [0, 5, 5]
    assert values(drawdown)["A"][:3] == [0, -30, -30]


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [
        (2, "2026-03-15", "2026-03-18"),
        (500, "2026-03-09", "2027-07-26"),
        (4_000, "2026-02", "2037-02"),
        (40_000, "2025", "2135"),
    ],
)  # fmt: skip
def test_time_is_cut_into_even_steps_however_long_it_is(days: int, first: str, last: str) -> None:
    known = [MONDAY, MONDAY + days * DAY]

    labels, label_of = time_axis(known)

    assert (labels[0], labels[-1]) == (first, last)
    assert len(labels) == len(set(labels)) <= 402
    assert [label_of[day] in labels for day in known] == [True, True]


def test_phases_that_begin_in_one_slot_share_a_line() -> None:
    def phase(day: str, policy: int, a: str) -> dict[str, Any]:
        engines = {"A": {"strategy_version": a, "rules_hash": "h"}, "B": {"strategy_version": "1", "rules_hash": "h"}}
        return {"policy_version": policy, "first_day": day, "engines": engines}

    phases = [phase("2026-03-16", 1, "1"), phase("2026-03-18", 2, "1"), phase("2026-03-18", 2, "1.1")]
    days = [MONDAY, MONDAY + 2 * DAY]

    marks = phase_marks(phases, *time_axis(days))

    assert [(mark.label, mark.text) for mark in marks] == [("2026-03-18", "policy 2, A: 1.1")]


# The page, from stored trades


@pytest.mark.django_db
def test_the_page_answers_in_r_and_in_currency(analyst: Client) -> None:
    given_pairs()

    in_r, in_usd = see(analyst), see(analyst, unit="currency")

    # On ten pairs A makes 550 of 1,000 at risk each, B 200.
    assert in_r.context["lead"].startswith("On 10 pairs A made +0.550 R and B +0.200 R: A - B is +0.350 R, +0.0350 R a")
    assert "A - B is +350.00 USD, +35.00 USD a pair" in in_usd.context["lead"]
    charts = in_usd.context["charts"]
    assert values(charts["equity"])["A - B"][:4] == [0, -10, -10, 0]
    assert values(charts["drawdown"])["A - B"][:4] == [0, -10, -10, 0]
    assert in_usd.context["units"] == [("R", "", False), ("USD", "unit=currency", True)]


@pytest.mark.django_db
def test_it_says_what_share_of_the_difference_is_execution(analyst: Client) -> None:
    given_pairs()

    said = see(analyst, unit="currency").context["execution"]

    # With A real the mean is 15, with B real 65: alone 40, and the real one loses 25; A was it twice more often.
    assert said == (
        "Of the mean difference of +35.00 USD a pair, -5.00 USD is execution the other way: without it the difference "
        "would be larger. Trading for real costs +25.00 USD per trade, and A was real in 6 pairs, B in 4. "
        "The engines alone differ by +40.00 USD a pair."
    )


def test_a_share_of_nothing_has_no_sign_and_a_cost_below_zero_is_a_gain() -> None:
    a_real, b_real = Sums(3, Decimal(30), Decimal(310)), Sums(3, Decimal(-12), Decimal(50))

    said = execution({"A": a_real, "B": b_real, "": a_real + b_real}, IN_USD)

    assert "+0.00 USD is execution. Trading for real adds +7.00 USD per trade" in said


@pytest.mark.django_db
def test_with_one_engine_always_real_execution_cannot_be_told_apart(analyst: Client) -> None:
    close_pair("A", Closed(a="10", b="20"))

    assert "A traded for real in all 1 pairs" in see(analyst).context["execution"]


@pytest.mark.django_db
def test_the_best_and_the_worst_are_named_and_linked(analyst: Client) -> None:
    given_pairs()

    part = see(analyst, part="trades")

    pairs, engines = part.context["pairs"], dict(part.context["engines"])
    assert [row["p"] for row in pairs["best"]] == [80, 70, 60, 50, 40]
    assert [row["p"] for row in pairs["worst"]] == [-10, 0, 10, 20, 30]
    assert [row["p"] for row in engines["A"]["worst"]] == [10, 20, 30, 40, 50]
    assert [row["kind"] for row in engines["A"]["best"]] == ["shadow"] * 4 + ["real"]
    text = part.content.decode()
    assert all(row["link"] in text for row in pairs["worst"])
    assert "order=worst" in text


@pytest.mark.django_db
def test_months_add_up_to_the_years_total(analyst: Client) -> None:
    given_pairs()
    close_pair("A", Closed(a="5", b="7", exit_time=EXIT_TIME + timedelta(days=30)), symbol="IWM")

    header, rows = see(analyst, unit="currency").context["charts"]["months"].table

    shown = dict(zip(header, rows[0], strict=True))
    assert (shown["Year"], shown["Mar"], shown["Apr"], shown["May"]) == ("2026", "+350.00", "-2.00", None)
    assert (shown["A"], shown["B"], shown["A - B"]) == ("+555.00", "+207.00", "+348.00")


@pytest.mark.django_db
def test_pairs_of_few_days_are_drawn_by_minutes(analyst: Client) -> None:
    for minutes in (0, 3, 90):
        close_pair("A", Closed(a="10", b="0", exit_time=EXIT_TIME + timedelta(minutes=minutes)))

    equity = see(analyst, unit="currency").context["charts"]["equity"]

    assert equity.labels == ["Start", "2026-03-16 15:00", "2026-03-16 16:30"]
    assert values(equity)["A"] == [0, 20, 30]


@pytest.mark.django_db
def test_every_chart_is_a_file_and_keeps_the_filters(analyst: Client) -> None:
    given_pairs()

    answer = see(analyst, csv="equity", unit="currency", symbol="SPY")

    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["Exit (New York)", "A", "B", "A - B"]
    assert rows[-1] == ["2026-03-25", "300.0", "100.0", "200.0"]
    assert see(analyst, csv="nothing").status_code == 404


@pytest.mark.django_db
def test_what_there_is_not_is_said(analyst: Client) -> None:
    empty = see(analyst).content.decode()
    assert "No closed trades yet" in empty
    assert "signals on which both engines have traded" in empty
    assert see(analyst, part="everything").status_code == 404
    close_pair("A", Closed(a="10", b=""))

    assert "No pairs yet: there are closed trades, but no signal" in see(analyst).content.decode()


@pytest.mark.django_db
def test_slices_are_counted_and_lead_to_the_comparison_of_them_alone(analyst: Client) -> None:
    given_pairs()

    part = see(analyst, part="slices", unit="currency")

    symbol = part.context["charts"]["slices-symbol"]
    # QQQ: A 10, 30, 50, 70, 90 against 20. SPY: 20 to 100.
    assert [row[:3] for row in symbol.rows] == [["QQQ", 5, 30.0], ["SPY", 5, 40.0]]
    assert symbol.summary.startswith("A is ahead in 2, B in 0; all together +35.00 USD a pair.")
    (link,) = [link for link, row in symbol.linked_rows if row[0] == "SPY"]
    alone = analyst.get(reverse("admin:report") + link)
    assert alone.context["lead"].startswith("On 5 pairs")
    for field in ("hour", "provenance"):
        ((link, _),) = part.context["charts"][f"slices-{field}"].linked_rows
        assert analyst.get(reverse("admin:report") + link).context["lead"].startswith("On 10 pairs")
    assert "Of 6 slices about one in twenty excludes 0 by chance alone" in " ".join(part.content.decode().split())


@pytest.mark.django_db
def test_the_figures_of_many_pairs_and_several_filters_come_after_the_page(
    analyst: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_pairs()
    add_up()
    asked = {"symbol": "SPY", "execution_mode": "ENGINE_A_PRIMARY"}
    whole = see(analyst, **asked)
    monkeypatch.setattr(compare_page, "MANY_PAIRS", 1)

    page, part = see(analyst, **asked), see(analyst, part="figures", **asked)

    assert (page.context["lead"], page.context["phases"]) == (whole.context["lead"], whole.context["phases"])
    assert "part=figures" in page.content.decode()
    assert "part=figures" not in whole.content.decode()
    report_hash = whole.context["report"]["report_hash"]
    assert report_hash not in page.content.decode()
    for text in (report_hash, "Cite it", "All figures of the pairs", 'id="distribution"'):
        assert text in whole.content.decode()
        assert text in part.content.decode()


@pytest.mark.django_db
def test_spreads_that_take_too_long_to_read_say_how_to_see_them(
    analyst: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_pairs()
    add_up()
    asked = "choose a period of at most 20,000 trades"

    assert asked not in see(analyst, part="slices", symbol="SPY").content.decode()
    monkeypatch.setattr(comparison, "MOST_READ", 1)

    assert asked in see(analyst, part="slices", symbol="SPY").content.decode()
    assert asked not in see(analyst, part="slices").content.decode()


def test_the_largest_slices_are_drawn_and_all_are_in_the_table() -> None:
    found = [Group("paired", "", "symbol", f"S{n}", Sums(n, Decimal(n), Decimal(n))) for n in range(1, 31)]

    (chart,) = slice_charts(found, IN_USD, {})

    assert (len(chart.labels), chart.labels[0], len(chart.rows)) == (24, "S30", 30)
    assert "Drawn are the largest 24" in chart.summary


def test_real_trades_stand_beside_the_shadows_of_the_same_engine() -> None:
    def trades(kind: str, level: str, *amounts: int) -> Group:
        squares = sum(amount * amount for amount in amounts)
        return Group(kind, "A", "spread", level, Sums(len(amounts), Decimal(sum(amounts)), Decimal(squares)))

    (chart,) = calibration_charts(
        [trades("real", "0", 1, 3), trades("shadow", "0", 6, 6), trades("shadow", "", 5)], IN_USD
    )

    # Means 2 and 6, variances 2 and 0 over 2 each: the standard error is 1.
    assert chart.rows == [
        ["below 1%", 2, 2, 2.0, 6.0, -4.0, -5.96, -2.04],
        ["not reported", 0, 1, None, 5.0, None, None, None],
    ]


@pytest.mark.django_db
def test_it_says_what_comes_from_when_they_leave(analyst: Client) -> None:
    given_pairs()
    assert "How much of the difference is exit timing cannot be said" in see(analyst).context["exits"]
    leave_by_own_rules(close_pair("A", Closed(a="10", b="4"), symbol="IWM"), "B", "7")

    assert see(analyst, unit="currency").context["exits"] == (
        "On the 1 pair whose shadow has also reported when it would have exited by its own rules, A - B is +6.00 USD a "
        "pair at the synchronised exits and +3.00 USD at own exits: -3.00 USD is exit timing."
    )
