"""What the demo shows: progress, comparison, findings."""

from __future__ import annotations

import io
from typing import Any

from demo.counts import Counts
from demo.invariants import Finding
from demo.progress import ProgressLine, progress_text
from demo.table import comparison_lines, pair_lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def make_counts(**changes: int) -> Counts:
    done = {
        "signals": 10, "decisions": 10, "answers_a": 10, "answers_b": 10, "openings": 5, "real_trades": 3,
        "shadow_trades": 2, "real_open": 0, "shadow_open": 0, "directives_pending": 0, "outcomes": 5,
    }  # fmt: skip
    return Counts(**(done | changes))


def test_a_run_is_complete_when_everything_that_began_has_ended() -> None:
    assert make_counts().is_complete
    for name, value in {
        "decisions": 9, "answers_a": 9, "answers_b": 9, "openings": 6, "real_open": 1, "shadow_open": 1,
        "directives_pending": 1,
    }.items():  # fmt: skip
        assert not make_counts(**{name: value}).is_complete, name


def test_the_bar_fills_with_alerts_and_answers() -> None:
    nothing = make_counts(answers_a=0, answers_b=0)

    assert progress_text(nothing, sent=0, to_send=10, rate=0).startswith("[--------------------] 0/10 alerts")
    half = progress_text(make_counts(), sent=5, to_send=10, rate=7.6)
    assert half.startswith("[################----] 5/10 alerts, 8/s")
    assert progress_text(make_counts(), sent=10, to_send=10, rate=9).startswith("[####################] 10/10")


def test_answers_of_an_earlier_longer_run_do_not_overfill_the_bar() -> None:
    assert progress_text(make_counts(), sent=4, to_send=4, rate=1).startswith("[####################] 4/4")


def test_on_a_terminal_the_line_is_redrawn_in_place_and_left_standing_at_the_end() -> None:
    terminal = Terminal()
    line = ProgressLine(terminal)

    line.show("one")
    line.show("two")
    line.finish("three")

    assert terminal.getvalue() == "\r\x1b[2Kone\r\x1b[2Ktwo\r\x1b[2Kthree\n"


def test_elsewhere_lines_come_now_and_then_and_without_control_characters() -> None:
    pipe = io.StringIO()
    line = ProgressLine(pipe)

    line.show("one")
    line.show("two")
    line.finish("three")

    assert pipe.getvalue() == "one\nthree\n"


def figures(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "n": 2, "wins": 1, "losses": 1, "win_rate": "0.5", "total_pnl": "1660.40", "average_pnl": "830.2",
        "sharpe_per_trade": None, "max_drawdown": "0", "unpriced": 0, "violations": 0,
    }  # fmt: skip
    return values | changes


def test_the_table_has_a_line_for_each_engine_and_kind_and_says_what_is_undefined() -> None:
    lines = comparison_lines(
        {"engines": {"B": {"real": figures(n=120), "shadow": figures()}, "A": {"real": figures(), "shadow": figures()}}}
    )

    assert [line.split("  ")[0].strip() for line in lines] == [
        "", "engine A, real", "engine A, shadow", "engine B, real", "engine B, shadow"
    ]  # fmt: skip
    assert " ".join(lines[1].split()) == "engine A, real 2 1 1 0.50 1660.40 830.20 n/a 0 0 0"
    assert len({len(line) for line in lines}) == 1


def test_the_pairs_say_their_verdict_and_why_there_is_none() -> None:
    pairs: dict[str, Any] = {
        "n": 50,
        "mean_difference": "39.887",
        "confidence_sequence": None,
        "verdict": "INCONCLUSIVE",
        "verdict_reason": "burn-in: 50 of 100 pairs",
        "role_balanced": {"engine_effect": "39.887", "real_execution_effect": "11.073"},
    }

    assert pair_lines(pairs) == [
        "pairs (both traded the same signal): 50, mean difference A - B 39.89, 95 % interval n/a",
        "verdict: INCONCLUSIVE (burn-in: 50 of 100 pairs)",
        "by roles: engines 39.89, real execution 11.07",
    ]


def test_the_interval_is_shown_once_there_are_enough_pairs() -> None:
    pairs: dict[str, Any] = {
        "n": 100,
        "mean_difference": "-5",
        "confidence_sequence": ["-9.004", "-1.25"],
        "verdict": "B_BETTER",
        "verdict_reason": "",
        "role_balanced": None,
    }

    assert pair_lines(pairs) == [
        "pairs (both traded the same signal): 100, mean difference A - B -5, 95 % interval -9.00 to -1.25",
        "verdict: B_BETTER",
    ]


def test_a_finding_is_ok_or_names_what_breaks_it() -> None:
    assert Finding("all is well", []).line() == "  ok      all is well"
    assert Finding("no pairs", ["a", "b"]).line() == "  FAILED  no pairs: a, b"
    assert Finding("no pairs", list("abcde")).line() == "  FAILED  no pairs: a, b, c and 2 more"
