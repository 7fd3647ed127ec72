"""One kept HTTP connection, with time-outs and repeats."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from .canonical import MAX_SAFE_INTEGER
from .errors import OrchestratorError

# Repeating is harmless: every POST of this API answers a repeat with the first answer.
REPEATED_STATUS = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0


def pause_seconds(path: str, attempt: int, retry_after: float = 0.0) -> float:
    """How long to wait before the next attempt (1 for the first repeat).

    Doubles up to a limit; half of it depends on path and attempt only, so that many clients spread
    and a run repeats exactly. A longer wait that the server asks for wins, up to the same limit.
    """
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempt - 1, 16), LONGEST_PAUSE_SECONDS)
    spread = hashlib.sha256(f"{path} {attempt}".encode()).digest()[0] / 255
    return max(pause * (0.5 + spread / 2), min(retry_after, LONGEST_PAUSE_SECONDS))


class Transport:
    """Sends JSON, returns JSON. One thread at a time: the connection carries one request at a time."""

    def __init__(
        self, url: str, key: str, *, timeout: float, attempts: int, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not a URL; use for example http://127.0.0.1:8000")
        self._class = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Api-Key {key}", "Accept": "application/json"}
        self._timeout, self._attempts, self._sleep = timeout, attempts, sleep
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: Any = None, *, extra_seconds: float = 0.0) -> Any:
        """The answer's document; raise OrchestratorError when it is rejected or all attempts failed.

        `extra_seconds` lengthens the time-out of a call that the server answers late on purpose.
        """
        data = None if body is None else json.dumps(body, default=_plain, allow_nan=False).encode()
        attempt = 1
        while True:
            try:
                status, headers, content = self._send(method, path, data, self._timeout + extra_seconds)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                failure = OrchestratorError(0, "unreachable", f"{method} {path}: {error or type(error).__name__}")
                retry_after = 0.0
            else:
                if status < HTTPStatus.BAD_REQUEST:
                    return _parse(content)
                failure = OrchestratorError.from_answer(status, _parse(content))
                retry_after = _seconds(headers.get("Retry-After"))
            if attempt >= self._attempts or failure.status not in (0, *REPEATED_STATUS):
                raise failure
            self._sleep(pause_seconds(path, attempt, retry_after))
            attempt += 1

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, path: str, data: bytes | None, timeout: float
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._connection is None:
            self._connection = self._class(self._host, self._port, timeout=timeout)
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        headers = self._headers if data is None else self._headers | {"Content-Type": "application/json"}
        self._connection.request(method, self._prefix + path, body=data, headers=headers)
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content, parse_int=_integer_or_float) if content else None
    except ValueError:
        return None


def _integer_or_float(text: str) -> int | float:
    number = int(text)
    return number if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER else float(text)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    raise TypeError(f"Cannot send {value!r}: prices must be Decimal, times must have a zone.")
