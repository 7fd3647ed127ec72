"""The comparison report for people: permalink, undefined figures with reasons, safe exports."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from admin_kit.charts import csv_cell
from orchestrator_site.console.report_export import report_csv
from orchestrator_site.console.report_page import ReportForm, figure_rows, periods, query_of, shown
from outcomes.performance.figures import FIGURES, Kind
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.factories import MOMENT
from tests.orchestrator_site.console.rows import logged_in, traded_pair
from tests.outcomes.closed_trades import Closed, close_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst() -> Client:
    return logged_in("analyst")


def test_the_page_shows_every_figure_of_both_engines_apart(analyst: Client) -> None:
    traded_pair()

    response = analyst.get(reverse("admin:report"))

    totals = next(row for row in response.context["rows"] if row.name == "total_pnl")
    assert [cell.text for cell in totals.cells] == ["+60.00", "+0.00", "+0.00", "+0.00", "+33.00", "+42.00"]


def test_the_page_describes_and_names_no_winner(analyst: Client) -> None:
    traded_pair()

    page = analyst.get(reverse("admin:report")).content.decode()

    assert "Exploratory: it describes the trades chosen here" in page
    assert [word for word in ("INCONCLUSIVE", "A_BETTER", "B_BETTER") if word in page] == []


def test_the_page_says_which_phases_it_mixes_and_by_which_hash_it_is_known(analyst: Client) -> None:
    traded_pair()

    page = analyst.get(reverse("admin:report"))

    assert page.context["report"]["report_hash"] in page.content.decode()
    assert [phase.split(":")[0] for phase in page.context["phases"]] == ["2014-06-05 to 2014-06-05"]


def test_the_figures_are_those_of_the_api(analyst: Client) -> None:
    traded_pair()

    exported = json.loads(analyst.get(reverse("admin:report_export", args=("json",))).content)

    expected = performance_report(PerformanceFilters())
    assert exported["engines"] == expected["engines"]
    assert exported["pairs"] == expected["pairs"]


def test_what_is_undefined_is_shown_as_such_with_its_reason(analyst: Client) -> None:
    traded_pair()

    response = analyst.get(reverse("admin:report"))

    sharpe = next(row for row in response.context["rows"] if row.name == "sharpe_per_trade")
    assert [(cell.text, cell.exact) for cell in sharpe.cells] == [
        ("n/a", "only one trade"), ("n/a", "no trades"), ("n/a", "no trades"),
        ("n/a", "no trades"), ("n/a", "only one trade"), ("n/a", "only one trade"),
    ]  # fmt: skip
    assert "only one trade" in response.content.decode()


def test_trades_that_are_needed_are_whole_and_thousands_stand_apart() -> None:
    needed = next(figure for figure in FIGURES if figure.name == "min_track_record_length")

    assert (shown(needed, "505.039"), shown(needed, "2997.000001")) == ("506", "2,998")
    assert shown(replace(needed, kind=Kind.MONEY, unit="", signed=True), "1234.5") == "+1,234.50"


def test_every_ratio_says_on_how_many_it_rests() -> None:
    traded_pair()

    rows = {row.name: row for row in figure_rows(performance_report(PerformanceFilters()))}

    assert rows["win_rate"].cells[0].basis == "n = 1"
    assert rows["average_win"].cells[0].basis == "wins = 1"
    for name in ("win_rate", "sharpe_per_trade", "profit_factor", "psr", "sharpe_daily"):
        assert all(cell.basis for cell in rows[name].cells)


def test_filters_stand_in_the_address_and_narrow_the_report(analyst: Client) -> None:
    traded_pair(symbol="TWX")

    page = analyst.get(reverse("admin:report"), {"symbol": "spy"})
    own = analyst.get(reverse("admin:report"), {"symbol": "twx"})

    assert (page.context["nothing"], own.context["nothing"]) == (True, False)
    assert page.context["query"] == "symbol=spy"
    assert "No closed trades match" in page.content.decode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("since", "yesterday"), ("until", "2026-02-30"), ("timeframe", "weekly"), ("direction", "UP"),
        ("policy_version", "v7"), ("variant", "C"), ("currency", "dollars"), ("execution_mode", "x"),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_told_beside_its_field_and_shows_no_numbers(analyst: Client, name: str, text: str) -> None:
    page = analyst.get(reverse("admin:report"), {name: text})

    assert list(page.context["form"].errors) == [name]
    assert "report" not in page.context


def test_a_period_that_ends_before_it_begins_is_told(analyst: Client) -> None:
    page = analyst.get(reverse("admin:report"), {"since": "2026-03-17", "until": "2026-03-16"})

    assert page.context["form"].errors


def test_amounts_are_in_one_currency_and_the_others_are_a_click_away(analyst: Client) -> None:
    close_pair("A", Closed(a="60.00"))
    close_pair("A", Closed(a="7.00", currency="EUR"))

    page = analyst.get(reverse("admin:report"), {"symbol": "SPY"})

    assert "P&amp;L in USD." in page.content.decode()
    assert page.context["other_currencies"] == [("EUR", "symbol=SPY&currency=EUR")]
    other = analyst.get(f"{reverse('admin:report')}?symbol=SPY&currency=EUR")
    assert "P&amp;L in EUR." in other.content.decode()


def test_a_date_alone_is_its_midnight() -> None:
    assert query_of({"since": "2026-03-16", "symbol": " SPY ", "zzz": "x"}) == {
        "since": "2026-03-16T00:00:00Z",
        "symbol": "SPY",
    }


def test_periods_on_offer_keep_the_other_filters() -> None:
    offered = dict(periods({"symbol": "SPY", "since": "2020-01-01"}, MOMENT))

    assert offered["Last 24 hours"] == "symbol=SPY&since=2026-03-15T14%3A30%3A00Z"
    assert offered["All time"] == "symbol=SPY"
    assert all(ReportForm(data={"symbol": "SPY"}).is_valid() for _ in offered)


def test_the_csv_holds_every_figure_exactly(analyst: Client) -> None:
    traded_pair()

    answer = analyst.get(reverse("admin:report_export", args=("csv",)))

    assert answer["Content-Disposition"] == 'attachment; filename="comparison-report.csv"'
    rows = {
        (part, figure): (value, why) for part, figure, value, why in csv.reader(io.StringIO(answer.content.decode()))
    }
    assert rows["engines.A.real", "total_pnl"] == ("60.00", "")
    assert rows["engines.B.real", "total_pnl"][0] == "0.00"
    assert rows["engines.A.real", "sharpe_per_trade"] == ("", "only one trade")
    assert rows["pairs", "nature"][0].startswith("exploratory")
    assert rows["phases.1.engines.A", "strategy_version"][0]


def test_the_csv_carries_a_byte_order_mark_on_request(analyst: Client) -> None:
    address = reverse("admin:report_export", args=("csv",))

    assert analyst.get(address, {"bom": "1"}).content.startswith(b"\xef\xbb\xbf")
    assert not analyst.get(address).content.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "-", "+1+1"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("number", ["-271.00", "60", "+1.5", "1E+10", "-0.000001", "-3e-7"])
def test_numbers_stay_numbers(number: str) -> None:
    assert csv_cell(number) == number


def test_a_filter_that_would_run_is_harmless_in_the_file() -> None:
    report = performance_report(PerformanceFilters(symbol="=HYPERLINK(1)", strategy="@x"))

    text = report_csv(report)

    assert "filters,symbol,'=HYPERLINK(1)," in text
    assert "filters,strategy,'@x," in text


def test_a_wrong_filter_exports_nothing(analyst: Client) -> None:
    assert analyst.get(reverse("admin:report_export", args=("json",)), {"variant": "C"}).status_code == 400
    unknown = analyst.get(reverse("admin:report_export", args=("csv",)), {"symbl": "SPY", "bom": "1"})
    assert (unknown.status_code, unknown.json()) == (400, {"errors": {"symbl": ["Unknown filter."]}})
    assert analyst.get(reverse("admin:report_export", args=("exe",))).status_code == 404


def test_the_report_only_reads(analyst: Client) -> None:
    assert analyst.post(reverse("admin:report")).status_code == 405
