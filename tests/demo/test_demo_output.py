"""What the demo shows: progress and comparison."""

from __future__ import annotations

import pytest

from demo.counts import Counts
from orchestrator_site.console.report_text import comparison_lines, pair_lines
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.outcomes.closed_trades import Closed, close_pair


def make_counts(**changes: int) -> Counts:
    done = {
        "signals": 10, "decisions": 10, "answers_a": 10, "answers_b": 10, "openings": 5, "real_trades": 3,
        "shadow_trades": 2, "real_open": 0, "shadow_open": 0, "own_exits_missing": 0, "directives_pending": 0,
        "outcomes": 5,
    }  # fmt: skip
    return Counts(**(done | changes))


def test_a_run_is_complete_when_everything_that_began_has_ended() -> None:
    assert make_counts().is_complete
    for name, value in {
        "decisions": 9, "answers_a": 9, "answers_b": 9, "openings": 6, "real_open": 1, "shadow_open": 1,
        "own_exits_missing": 1, "directives_pending": 1,
    }.items():  # fmt: skip
        assert not make_counts(**{name: value}).is_complete, name


def test_the_bar_fills_with_alerts_and_answers() -> None:
    nothing = make_counts(answers_a=0, answers_b=0)

    assert nothing.progress(sent=0, to_send=10, rate=0).startswith("[              ] 0/10 alerts")
    half = make_counts().progress(sent=5, to_send=10, rate=7.6)
    assert half.startswith("[###########   ] 5/10 alerts 8/s, ")
    assert make_counts().progress(sent=10, to_send=10, rate=9).startswith("[##############] 10/10")


def test_a_terminal_of_80_columns_shows_the_whole_line() -> None:
    most = make_counts(decisions=999, answers_a=999, answers_b=999, outcomes=999)

    assert len(most.progress(sent=999, to_send=999, rate=99)) <= 79


def test_answers_of_an_earlier_longer_run_do_not_overfill_the_bar() -> None:
    assert make_counts().progress(sent=4, to_send=4, rate=1).startswith("[##############] 4/4")


@pytest.mark.django_db
def test_the_table_has_a_line_for_each_figure_and_a_column_for_each_engine_and_kind() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    lines = comparison_lines(performance_report(PerformanceFilters()))

    assert lines[0].endswith("  engine B own exit")
    total = next(line for line in lines if line.startswith("Total P&L "))
    assert total.split()[2:] == ["+60.00", "+0.00", "+0.00", "+0.00", "+33.00", "+0.00"]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.django_db
def test_the_pairs_say_what_they_can_tell_and_what_they_cannot() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    text = "\n".join(" ".join(line.split()) for line in pair_lines(performance_report(PerformanceFilters())["pairs"]))

    assert "Mean difference +27.00 n/a" in text
    assert "Nature: exploratory" in text
    assert "Role-balanced estimate: n/a" in text
