"""Progress of a long command: a line redrawn in place on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import shutil
import time

from django.core.management.base import OutputWrapper

BAR_WIDTH = 30
REDRAW_SECONDS = 0.1
PLAIN_LINE_SECONDS = 2.0
CLEAR_LINE = "\r\x1b[2K"


def bar(done: int, total: int, width: int = BAR_WIDTH) -> str:
    """A bar that is full when `done` has reached `total`, or when there is nothing to do."""
    share = min(done / total, 1.0) if total else 1.0
    return f"[{'#' * int(width * share):{width}}]"


class ProgressLine:
    """Shows the newest of many texts, from `after_seconds` after its creation on."""

    def __init__(self, stream: OutputWrapper, *, after_seconds: float = 0.0) -> None:
        self._stream = stream
        self._redraws = stream.isatty()
        self.begun = time.monotonic()
        self._due = self.begun + after_seconds
        self._shown = ""

    def show(self, text: str) -> None:
        """Show the newest state, unless the last one is too fresh; elsewhere than on a terminal, only if it is new."""
        now = time.monotonic()
        if now < self._due or (text == self._shown and not self._redraws):
            return
        self._due = now + (REDRAW_SECONDS if self._redraws else PLAIN_LINE_SECONDS)
        self._shown = text
        # A line as wide as the terminal would wrap, and only its last part would be redrawn.
        columns = shutil.get_terminal_size().columns
        self._write(f"{CLEAR_LINE}{text[: columns - 1]}" if self._redraws else f"{text}\n")

    def clear(self) -> None:
        """Remove the line before something else is printed."""
        if self._shown and self._redraws:
            self._write(CLEAR_LINE)

    def finish(self, text: str) -> None:
        """Show the last state, which stays on the screen."""
        self._write(f"{CLEAR_LINE}{text}\n" if self._redraws else f"{text}\n")

    def _write(self, text: str) -> None:
        # Else Django colours whatever goes to standard error red.
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()


class ProgressBar:
    """Shows how many of a known number are done, once it has taken longer than `after_seconds`."""

    def __init__(self, stream: OutputWrapper, *, what: str, after_seconds: float) -> None:
        """Write to a command's stream; `what` names the things that are counted."""
        self._line = ProgressLine(stream, after_seconds=after_seconds)
        self._what = what
        self.clear = self._line.clear

    def show(self, done: int, total: int) -> None:
        """Show the newest state, unless the last one is too fresh."""
        seconds = max(time.monotonic() - self._line.begun, 0.001)
        self._line.show(f"{bar(done, total)} {done} of {total} {self._what}, {done / seconds:.0f} a second")
