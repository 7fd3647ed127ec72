"""Structured logs: one JSON object a line, whoever logs (R11); a reader that hangs costs lines, never a request."""

from __future__ import annotations

import atexit
import errno
import json
import logging
import os
import re
import select
import socket
import threading
from datetime import UTC, datetime
from stat import S_ISCHR, S_ISFIFO, S_ISSOCK
from time import monotonic, sleep
from typing import Any

import structlog
from structlog.contextvars import get_contextvars
from structlog.typing import EventDict, Processor

from kernel.events import LINES_DROPPED
from kernel.values import format_timestamp

_WEBHOOK_TOKEN = re.compile(r"(/webhooks?/(?:tradingview/)?)(?!tradingview\b)[^/\s\"'\\?]+", re.IGNORECASE)
# What Django says of a request that it could not answer: "Not Found: /path", "<WSGIRequest: POST '/path'>".
_REFUSED_PATH = re.compile(r"(?:[A-Z][A-Za-z ]+: |WSGIRequest: [A-Z]+ ')/[^\s\"'\\?]*")
# No token is shorter; ids are, in their own form.
_LONG_SEGMENT = re.compile(r"(?<=/)(?![0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:/|\Z))[^/]{16,}")


STDERR = 2
# What a slow reader may be behind; a burst of decisions is a tenth of it.
KEPT_BYTES = 1024 * 1024
# How long a process that ends waits for the reader of its last lines.
LAST_SECONDS = 0.5


class LogStream:
    """An output without ever waiting for who reads it: what does not fit is kept, then dropped and counted.

    A pipe or a terminal is opened once more: the other processes that write to it would find it changed as well.
    """

    def __init__(self, descriptor: int) -> None:
        """Take the number of an open file."""
        self._descriptor = descriptor
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.finish)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._dropped = 0
        # Since this process began.
        self.lines_dropped = 0
        self._pipe: int | None = None
        self._inode = -1
        self._is_draining = False

    def write(self, text: str) -> None:
        """Write, keep or drop these lines."""
        data = text.encode(errors="backslashreplace")
        with self._lock:
            if not self._kept:
                data = data[self._send(data) :]
            if len(self._kept) + len(data) > KEPT_BYTES:
                self._dropped += text.count("\n")
                self.lines_dropped += text.count("\n")
                return
            self._kept += data
            if self._kept and not self._is_draining:
                self._is_draining = True
                threading.Thread(target=self._drain, name="log", daemon=True).start()

    def flush(self) -> None:
        """Do nothing: nothing is held back that could be written."""

    def finish(self) -> None:
        """Give the reader a moment for what is kept."""
        deadline = monotonic() + LAST_SECONDS
        while self._kept and monotonic() < deadline:
            self._write_kept(0.05)

    def _drain(self) -> None:
        while self._write_kept(1.0):
            # A file on a full disk says that it can be written to.
            sleep(0.01)

    def _write_kept(self, seconds: float) -> bool:
        """Write what is kept as soon as there is room; return whether there is more."""
        select.select([], [self._descriptor], [], seconds)
        with self._lock:
            del self._kept[: self._send(self._kept)]
            if not self._kept and self._dropped:
                self._kept += LINES_DROPPED.line({}, lines=self._dropped).encode() + b"\n"
                self._dropped = 0
            self._is_draining = bool(self._kept)
            return self._is_draining

    def _send(self, data: bytes | bytearray) -> int:
        """Write as much as there is room for; return how many bytes that were."""
        status = os.fstat(self._descriptor)
        is_device = S_ISCHR(status.st_mode)
        try:
            if S_ISSOCK(status.st_mode):
                with socket.socket(fileno=os.dup(self._descriptor)) as journal:
                    return journal.send(data, socket.MSG_DONTWAIT)
            # A terminal that stands still stops whoever writes, as a pipe does that nobody reads.
            if not S_ISFIFO(status.st_mode) and not (is_device and os.isatty(self._descriptor)):
                return os.write(self._descriptor, data)
            if status.st_ino != self._inode:
                # Another one than before, after a fork or where output was redirected.
                self._pipe, self._inode = _opened_again(self._descriptor), status.st_ino
            return self._send_in_parts(data) if self._pipe is None else os.write(self._pipe, data)
        except BrokenPipeError:
            # Nobody will ever read it.
            return len(data)
        except OSError as error:
            # No room now: a reader that is behind, a disk that is full. A terminal that was closed has none any more.
            return len(data) if is_device and error.errno == errno.EIO else 0

    def _send_in_parts(self, data: bytes | bytearray) -> int:
        """The same where writing would wait: where there is room at all, a pipe has it for so much."""
        sent = 0
        while sent < len(data) and select.select([], [self._descriptor], [], 0)[1]:
            sent += os.write(self._descriptor, data[sent : sent + select.PIPE_BUF])
        return sent


def _opened_again(descriptor: int) -> int | None:
    """The same pipe or terminal, written to without waiting; None where it is another user's, who has started us."""
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None


stream = LogStream(STDERR)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _of_event(logger: logging.Logger, method_name: str, said: EventDict) -> tuple[tuple[EventDict], dict[str, Any]]:
    """What `_shared` adds to a line, in one step for events of our own, which have neither stack nor traceback."""
    name = said.pop("event")
    at = format_timestamp(datetime.now(UTC))
    return ({**get_contextvars(), **said, "level": method_name, "logger": logger.name, "at": at, "event": name},), {}


def without_webhook_tokens(logger: Any, method_name: str, line: Any) -> Any:
    """Mask the tokens of webhook URLs in a finished line; Django logs whole requests when one is odd.

    In a wrong path the token may stand anywhere: there every long segment is masked that is no id.
    """
    line = _WEBHOOK_TOKEN.sub(r"\1***", line)
    return _REFUSED_PATH.sub(lambda path: _LONG_SEGMENT.sub("***", path[0]), line)


_encode = json.JSONEncoder(default=str).encode


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """One JSON object a line; of our own events without a copy of the record, which costs more than the line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        if not isinstance(record.msg, dict):
            return super().format(record)
        return _masked(_encode(record.msg))


class FinishedLines(logging.Formatter):
    """Lines that are JSON already, of what engines have said: a token may be in any of them."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines."""
        lines = super().format(record)
        return "\n".join(_masked(line) for line in lines.split("\n")) if "/" in lines else lines


def _masked(line: str) -> str:
    # Most have no path, and so no token in one.
    return str(without_webhook_tokens(None, "", line)) if "/" in line else line


def logging_config(level: str) -> dict[str, Any]:
    """Configure structlog and return Django's LOGGING for the given level."""
    # No line says which thread, process or statement wrote it (logging's own advice on what need not be looked up).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _of_event],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Loggers are made at import, before this runs; they take their processors at their first line.
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        # Modules that were imported before the settings have their loggers already, and would fall silent.
        "disable_existing_loggers": False,
        "formatters": {
            "as_is": {"format": "%(message)s"},
            "finished": {"()": FinishedLines},
            "json": {
                "()": LineFormatter,
                "foreign_pre_chain": [*_shared(), structlog.stdlib.ExtraAdder()],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.EventRenamer("event"),
                    # A value that JSON does not know must not cost the line.
                    structlog.processors.JSONRenderer(default=str, sort_keys=False),
                    # On the finished line: a token may be in any field and in the text of a traceback.
                    without_webhook_tokens,
                ],
            },
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "json", "stream": stream},
            # Lines that are JSON already, many in one call (experiments/worker/queue.py, kernel/event_lines.py).
            "lines": {"class": "logging.StreamHandler", "formatter": "as_is", "stream": stream},
            "reports": {"class": "logging.StreamHandler", "formatter": "finished", "stream": stream},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Every request with its path would put webhook tokens into the log.
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "WARNING", "propagate": True, "handlers": []},
            # At INFO it writes lines for every task.
            "django-q": {"level": "WARNING"},
            # Four lines a log-in, which the audit log tells in one.
            "axes": {"level": "WARNING"},
            # What it has to say is kept with the notification, without the secrets of the URL.
            "apprise": {"level": "CRITICAL", "propagate": False, "handlers": []},
            "orchestrator.lines": {"handlers": ["lines"], "propagate": False},
            "orchestrator.reports": {"handlers": ["reports"], "propagate": False},
        },
    }
