"""The progress of long commands: on a terminal, elsewhere, and not at all when it is short."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from kernel.progress import ProgressBar, ProgressLine


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the clock's reading, to be changed in place."""
    reading = [0.0]
    monkeypatch.setattr("kernel.progress.time.monotonic", lambda: reading[0])
    return reading


def test_a_short_run_shows_nothing(clock: list[float]) -> None:
    stream = Terminal()
    bar = ProgressBar(OutputWrapper(stream), what="decisions", after_seconds=2.0)

    clock[0] = 1.9
    bar.show(50, 100)
    bar.clear()

    assert stream.getvalue() == ""


def test_a_terminal_gets_one_line_redrawn_and_cleared(clock: list[float]) -> None:
    stream = Terminal()
    bar = ProgressBar(OutputWrapper(stream), what="decisions", after_seconds=2.0)

    clock[0] = 2.0
    bar.show(50, 100)
    bar.show(51, 100)
    clock[0] = 2.5
    bar.show(100, 100)
    bar.clear()

    assert stream.getvalue() == (
        "\r\x1b[2K[###############               ] 50 of 100 decisions, 25 a second"
        "\r\x1b[2K[##############################] 100 of 100 decisions, 40 a second"
        "\r\x1b[2K"
    )


def test_a_file_gets_plain_lines_now_and_then(clock: list[float]) -> None:
    stream = StringIO()
    bar = ProgressBar(OutputWrapper(stream), what="decisions", after_seconds=1.0)

    for seconds in (0.5, 1.0, 2.0, 3.0):
        clock[0] = seconds
        bar.show(int(seconds * 10), 40)
    bar.clear()

    assert stream.getvalue() == (
        "[#######                       ] 10 of 40 decisions, 10 a second\n"
        "[######################        ] 30 of 40 decisions, 10 a second\n"
    )


def test_nothing_to_do_is_done(clock: list[float]) -> None:
    stream = StringIO()
    clock[0] = 0.0
    bar = ProgressBar(OutputWrapper(stream), what="decisions", after_seconds=0.0)

    clock[0] = 1.0
    bar.show(0, 0)

    assert stream.getvalue().startswith("[##############################] 0 of 0")


def test_the_last_text_stays_on_a_terminal(clock: list[float]) -> None:
    terminal = Terminal()
    line = ProgressLine(OutputWrapper(terminal))

    line.show("one")
    clock[0] = 0.2
    line.show("two")
    line.finish("three")

    assert terminal.getvalue() == "\r\x1b[2Kone\r\x1b[2Ktwo\r\x1b[2Kthree\n"


def test_elsewhere_a_text_is_not_repeated_and_the_last_one_always_comes(clock: list[float]) -> None:
    pipe = StringIO()
    line = ProgressLine(OutputWrapper(pipe))

    for seconds, text in ((0.0, "one"), (1.0, "two"), (3.0, "one"), (6.0, "four")):
        clock[0] = seconds
        line.show(text)
    line.finish("five")

    assert pipe.getvalue() == "one\nfour\nfive\n"
