"""`manage.py report`: what the page shows, in a terminal and as files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from outcomes.evaluations import documents
from outcomes.models import KeptReport
from outcomes.performance.figures import FIGURES
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.outcomes.closed_trades import Closed, close_pair
from tests.outcomes.evaluations.hall import draft

pytestmark = pytest.mark.django_db


def printed(*options: str) -> list[str]:
    output = io.StringIO()
    call_command("report", *options, stdout=output)
    return output.getvalue().splitlines()


def test_the_report_is_printed_with_what_it_is_of_and_every_figure() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"), symbol="SPY")
    close_pair("A", Closed(a="1.00"), symbol="QQQ")

    lines = printed("--symbol", "spy", "--since", "2026-03-01")

    report = performance_report(PerformanceFilters(symbol="SPY"))
    assert lines[0].endswith(f"in USD, P&L after fees. Hash {lines[0].split()[-1][:-1]}.")
    assert lines[1] == "Filters: since = 2026-03-01T00:00:00.000000Z, symbol = SPY."
    assert report["engines"]["A"]["real"]["total_pnl"] == "60.00"
    assert {figure.title for figure in FIGURES} <= {line.split("  ")[0] for line in lines}
    total = next(line for line in lines if line.startswith("Total P&L "))
    assert total.split()[2] == "+60.00"
    assert [line for line in lines if "exploratory" in line] != []


def test_the_report_is_written_to_files_as_page_and_api_give_it(tmp_path: Path) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    table, document = tmp_path / "report.csv", tmp_path / "report.json"

    printed("--csv", str(table), "--json", str(document))

    written = json.loads(document.read_text())
    assert written["report_hash"] == performance_report(PerformanceFilters())["report_hash"]
    rows = list(csv.reader(io.StringIO(table.read_text())))
    assert ["engines.A.real", "total_pnl", "60.00", ""] in rows


def test_an_evaluation_stands_above_the_report_with_every_figure_of_its_own() -> None:
    evaluation = draft()

    lines = printed("--evaluation", evaluation.name)

    own = list(documents.lines(documents.evaluation_document(evaluation)))
    assert lines[: len(own)] == own
    assert lines[len(own) + 1].startswith("As of ")


def test_a_report_is_kept_under_its_hash() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    lines = printed("--keep", "for the record")

    kept = KeptReport.objects.get()
    assert lines[-1] == f"Kept under {kept.report_hash}."
    assert (kept.note, kept.kept_by.startswith("command line")) == ("for the record", True)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--since", "yesterday"), "--since: "),
        (("--policy-version", "v7"), "--policy-version: "),
        (("--evaluation", "unknown"), "unknown"),
        (("--csv", "/nowhere/report.csv"), "Cannot write /nowhere/report.csv: No such file or directory."),
    ],
)
def test_what_cannot_be_used_is_named_and_exits_with_2(options: tuple[str, ...], problem: str) -> None:
    with pytest.raises(CommandError, match=problem) as refused:
        printed(*options)

    assert refused.value.returncode == 2
