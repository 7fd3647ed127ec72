"""Shows how the demo goes: a line redrawn in place on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from demo.counts import Counts

BAR_WIDTH = 20
PLAIN_LINE_SECONDS = 2.0


def progress_text(counts: Counts, *, sent: int, to_send: int, rate: float) -> str:
    """Return one line: bar, alerts with their rate, and how far their flows have come."""
    steps = to_send * 3
    done = min(sent, to_send) + min(counts.answers_a, to_send) + min(counts.answers_b, to_send)
    filled = BAR_WIDTH * done // steps if steps else BAR_WIDTH
    bar = "#" * filled + "-" * (BAR_WIDTH - filled)
    return (
        f"[{bar}] {sent}/{to_send} alerts, {rate:.0f}/s | {counts.signals} signals, {counts.decisions} decided"
        f" | answers A {counts.answers_a}, B {counts.answers_b}"
        f" | trades {counts.real_trades} real, {counts.shadow_trades} shadow"
        f" | {counts.outcomes} outcomes, {counts.directives_pending} exits waiting"
    )


class ProgressLine:
    """Writes progress to a stream in the form that suits it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraw = stream.isatty()
        self._written, self._written_at = "", 0.0

    def show(self, text: str) -> None:
        """Show the newest state."""
        if self._redraw:
            columns = shutil.get_terminal_size().columns
            self._stream.write(f"\r\x1b[2K{text[: columns - 1]}")
        elif text != self._written and time.monotonic() - self._written_at >= PLAIN_LINE_SECONDS:
            self._written, self._written_at = text, time.monotonic()
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def finish(self, text: str) -> None:
        """Show the last state and leave it standing."""
        self._stream.write(f"\r\x1b[2K{text}\n" if self._redraw else f"{text}\n")
        self._stream.flush()
