"""The table of figures, and that every place that shows figures shows exactly those of the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from orchestrator_site.console.report_export import report_csv
from orchestrator_site.console.report_page import figure_rows, pair_rows
from orchestrator_site.console.report_text import comparison_lines, pair_lines
from outcomes.performance.api import PerformanceReportSerializer
from outcomes.performance.figures import FIGURES, NO_OUTCOME, Figure, Kind, present
from outcomes.performance.measures import PROVENANCES
from outcomes.performance.pairs import COMPARISON, PAIR_FIGURES
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters

# A row with every figure; of those that the tests below do not look at, any value will do.
ROW: dict[str, Any] = {figure.name: 1 if figure.kind is Kind.COUNT else Decimal(1) for figure in FIGURES} | {
    "n": 4, "wins": 2, "losses": 1, "flats": 1, "active_days": 3, "unpriced": 1, "violations": 2,
    "at_risk": 4, "total_pnl": Decimal("50.00000000000000"),
    "win_rate": Decimal("0.5"), "average_pnl": Decimal("12.5"), "average_win": Decimal("33.3333333333333333333"),
    "average_loss": Decimal(-16), "sharpe_per_trade": Decimal("0.2"), "sharpe_daily": Decimal(3),
    "sortino_per_trade": Decimal("0.7"), "max_drawdown": Decimal("16.00"), "profit_factor": Decimal(2),
    "payoff_ratio": Decimal("1.5"), "psr_z": Decimal("0.5"), "min_track_record_length": Decimal("68.6"),
    "total": Decimal(50), "unpriced_risk": Decimal(1000), **dict.fromkeys(PROVENANCES.values(), 0),
}  # fmt: skip


def test_counts_are_integers_and_all_other_numbers_text() -> None:
    shown = present(FIGURES, ROW)

    assert {type(shown[figure.name]) for figure in FIGURES if figure.kind is Kind.COUNT} == {int}
    numbers = [figure for figure in FIGURES if figure.kind not in (Kind.COUNT, Kind.TALLY) and not figure.interval]
    assert {type(shown[figure.name]) for figure in numbers} == {str}
    assert shown["average_win"] == "33.3333333333333"
    assert shown["psr"] == "0.691462461274013"
    assert shown["total_pnl_bounds"] == ["-950.00", "1050.00"]
    assert shown["undefined"] == {}


def test_without_any_outcome_sums_are_zero_and_the_rest_is_null_with_a_reason() -> None:
    shown = present(FIGURES, NO_OUTCOME)

    assert (shown["n"], shown["total_pnl"], shown["unpriced"]) == (0, "0.00", 0)
    assert shown["win_rate"] is None
    assert shown["max_drawdown"] is None
    assert set(shown["undefined"].values()) == {"no trades"}
    assert set(shown["undefined"]) == {figure.name for figure in FIGURES if figure.empty is None}


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"average_r": None, "at_risk": 0}, "average_r", "no capital at risk"),
        ({"n": 1, "wins": 1, "sharpe_per_trade": None}, "sharpe_per_trade", "only one trade"),
        ({"sharpe_per_trade": None}, "sharpe_per_trade", "all trades have the same P&L"),
        ({"sharpe_per_trade": None, "psr_z": None}, "psr", "all trades have the same P&L"),
        ({"psr_z": None}, "psr", "the variance of the Sharpe ratio is not positive"),
        ({"sharpe_daily": None, "active_days": 1}, "sharpe_daily", "only one active day"),
        ({"sharpe_daily": None}, "sharpe_daily", "all active days have the same P&L"),
        ({"losses": 0, "average_loss": None}, "average_loss", "no losses"),
        ({"losses": 0, "profit_factor": None}, "profit_factor", "no losses"),
        ({"losses": 0, "sortino_per_trade": None}, "sortino_per_trade", "no losses"),
        ({"n": 1, "wins": 0, "sortino_per_trade": None}, "sortino_per_trade", "only one trade"),
        ({"wins": 0, "average_win": None}, "average_win", "no wins"),
        ({"wins": 0, "payoff_ratio": None}, "payoff_ratio", "no wins"),
        ({"losses": 0, "payoff_ratio": None}, "payoff_ratio", "no losses"),
        (
            {"sharpe_per_trade": Decimal("-0.1"), "min_track_record_length": None},
            "min_track_record_length",
            "the Sharpe ratio is not positive",
        ),
    ],
)
def test_every_undefined_figure_says_why(changes: dict[str, Any], name: str, reason: str) -> None:
    shown = present(FIGURES, {**ROW, **changes})

    assert shown[name] is None
    assert shown["undefined"][name] == reason


# One table, many readers.


@pytest.fixture
def report(db: None) -> dict[str, Any]:
    return performance_report(PerformanceFilters())


def names(figures: Sequence[Figure]) -> list[str]:
    return [figure.name for figure in figures]


def test_the_api_answers_the_figures_of_the_table(report: dict[str, Any]) -> None:
    assert list(report["engines"]["B"]["shadow"]) == [*names(FIGURES), "undefined"]
    assert list(report["pairs"]) == [*names(PAIR_FIGURES), "undefined"]


def test_the_schema_documents_the_figures_of_the_table() -> None:
    fields: Any = PerformanceReportSerializer().fields

    engine = fields["engines"].fields["A"].fields["real"].fields
    assert list(engine) == [*names(FIGURES), "undefined"]
    assert {name: engine[name].help_text for name in names(FIGURES)} == {
        figure.name: figure.definition + (f" ({figure.unit})" if figure.unit else "") for figure in FIGURES
    }
    assert list(fields["pairs"].fields) == [*names(PAIR_FIGURES), "undefined"]


def test_the_page_shows_the_figures_of_the_table(report: dict[str, Any]) -> None:
    pairs = pair_rows(report["pairs"])

    assert [(row.name, row.label, row.meaning) for row in figure_rows(report)] == [
        (figure.name, figure.title, figure.definition) for figure in FIGURES
    ]
    assert [row.name for row in pairs["both"]] == names(COMPARISON)
    assert {row.name for row in pairs["whole"]} == {*names(PAIR_FIGURES)} - {*names(COMPARISON), "unpaired"}


def test_the_csv_holds_the_figures_of_the_table(report: dict[str, Any]) -> None:
    rows = list(csv.reader(io.StringIO(report_csv(report))))

    in_the_file = {figure.split(".")[0] for part, figure, *_ in rows if part == "engines.A.real"}
    assert in_the_file == {figure.name for figure in FIGURES if figure.kind is not Kind.TALLY}


def test_the_demo_prints_the_figures_of_the_table(report: dict[str, Any]) -> None:
    printed = [line.split("  ")[0].strip() for line in comparison_lines(report)]

    assert printed == ["", *(figure.title for figure in FIGURES)]
    assert [line.split("  ")[0].strip() for line in pair_lines(report["pairs"])][1 : len(COMPARISON) + 1] == [
        figure.title for figure in COMPARISON
    ]


def test_every_figure_that_can_be_undefined_has_a_reason_and_the_others_a_value_without_trades() -> None:
    shown = present(FIGURES, NO_OUTCOME)

    needs_a_reason = {figure.name for figure in FIGURES if shown[figure.name] is None}
    assert {figure.name for figure in FIGURES if figure.why_undefined} == needs_a_reason
