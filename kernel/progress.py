"""Progress of a long command: a bar redrawn in place on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import shutil
import time

from django.core.management.base import OutputWrapper

BAR_WIDTH = 30
REDRAW_SECONDS = 0.1
PLAIN_LINE_SECONDS = 2.0


class ProgressBar:
    """Shows how far something has come, once it has taken longer than `after_seconds`."""

    def __init__(self, stream: OutputWrapper, *, what: str, after_seconds: float) -> None:
        """Write to a command's stream; `what` names the things that are counted."""
        self._stream, self._what = stream, what
        self._redraws = stream.isatty()
        self._begun = time.monotonic()
        self._due = self._begun + after_seconds
        self._shown = False

    def show(self, done: int, total: int) -> None:
        """Show the newest state, unless the last one is too fresh."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + (REDRAW_SECONDS if self._redraws else PLAIN_LINE_SECONDS)
        self._shown = True
        line = self._line(done, total, now - self._begun)
        self._write(f"\r\x1b[2K{line[: shutil.get_terminal_size().columns - 1]}" if self._redraws else f"{line}\n")

    def clear(self) -> None:
        """Take the bar away before something else is printed."""
        if self._shown and self._redraws:
            self._write("\r\x1b[2K")

    def _line(self, done: int, total: int, seconds: float) -> str:
        share = min(done / total, 1.0) if total else 1.0
        bar = "#" * int(BAR_WIDTH * share)
        return f"[{bar:{BAR_WIDTH}}] {done} of {total} {self._what}, {done / seconds:.0f} a second"

    def _write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()
