"""Structured logs: one JSON object a line, whoever logs (R11)."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import structlog
from structlog.typing import Processor

_WEBHOOK_TOKEN = re.compile(r"(/webhooks?/(?:tradingview/)?)(?!tradingview\b)[^/\s\"'\\?]+", re.IGNORECASE)
# What Django says of a request that it could not answer: "Not Found: /path", "<WSGIRequest: POST '/path'>".
_REFUSED_PATH = re.compile(r"(?:[A-Z][A-Za-z ]+: |WSGIRequest: [A-Z]+ ')/[^\s\"'\\?]*")
# No token is shorter; ids are, in their own form.
_LONG_SEGMENT = re.compile(r"(?<=/)(?![0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:/|\Z))[^/]{16,}")


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


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
        said = record.msg.copy()
        said["event"] = said.pop("event")
        return str(without_webhook_tokens(None, "", _encode(said)))


def logging_config(level: str) -> dict[str, Any]:
    """Configure structlog and return Django's LOGGING for the given level."""
    # No line says which thread, process or statement wrote it (logging's own advice on what need not be looked up).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
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
            "console": {"class": "logging.StreamHandler", "formatter": "json"},
            # Lines that are JSON already, many in one call (experiments/worker/queue.py).
            "lines": {"class": "logging.StreamHandler", "formatter": "as_is"},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Every request with its path would put webhook tokens into the log.
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "WARNING", "propagate": True, "handlers": []},
            # At INFO it writes lines for every task.
            "django-q": {"level": "WARNING"},
            "orchestrator.lines": {"handlers": ["lines"], "propagate": False},
        },
    }
