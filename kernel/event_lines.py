"""How an event becomes a line of the log, by itself or together with the others of one report.

One by one each line goes through structlog and logging, which costs more than the line.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.contextvars import get_contextvars

from kernel.values import format_timestamp

LOGGER = "orchestrator"
_logger = structlog.get_logger(LOGGER)
_encode = json.JSONEncoder(default=str).encode


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line; `optional` names the fields that may be left out."""

    name: str
    level: str
    fields: tuple[str, ...]
    meaning: str
    optional: tuple[str, ...] = ()

    def log(self, /, **values: object) -> None:
        """Write the line; raise TypeError for a field that is missing or not declared."""
        lines = gathered()
        if lines is not None and self.level == "info":
            lines.append(self.line(get_contextvars(), **values))
            return
        self._check(values)
        getattr(_logger, self.level)(self.name, **values)

    def line(self, bound: Mapping[str, object], /, **values: object) -> str:
        """The finished line with `bound` before its fields, as `log` would write it, for those who write many at once.

        Raise TypeError as `log` does.
        """
        self._check(values)
        at = format_timestamp(datetime.now(UTC))
        return _encode({**bound, **values, "level": self.level, "logger": LOGGER, "at": at, "event": self.name})

    def _check(self, values: Mapping[str, object]) -> None:
        required = set(self.fields)
        if not (required <= values.keys() <= required.union(self.optional)):
            raise TypeError(f"{self.name} takes {self.fields}, optionally {self.optional}; got {tuple(values)}.")

    def template(self) -> str:
        """The finished line as a %-format of `at` and all fields, for those who write thousands a second."""
        head = json.dumps({"event": self.name, "level": self.level, "logger": LOGGER})[:-1]
        members = [f'"{name}": %({name})s' for name in ("at", *self.fields)]
        return f"{head}, {', '.join(members)}}}"


_reports = logging.getLogger("orchestrator.reports")
_current: Any = threading.local()


def gathered() -> list[str] | None:
    """The lines that wait for the end of this thread's block; None outside of one."""
    lines: list[str] | None = getattr(_current, "lines", None)
    return lines


@contextmanager
def lines_together() -> Iterator[None]:
    """Write what the block logs at its end, in one go; a block within another leaves it to that."""
    if gathered() is not None:
        yield
        return
    lines: list[str] = []
    _current.lines = lines
    try:
        yield
    finally:
        _current.lines = None
        if lines:
            _reports.info("%s", "\n".join(lines))
