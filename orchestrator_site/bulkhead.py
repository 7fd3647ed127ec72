"""Keeps threads free for alerts: whatever else is slow can never starve the webhook.

A server process has a fixed number of threads. Everything but the webhook and the process probe
shares a part of them; one request too many is told to come back instead of taking a thread that an
alert may need within its three seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from threading import BoundedSemaphore
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

WEBHOOK = "/webhooks/"
PROBE = "/healthz"
BUSY = {
    "type": "urn:orchestrator:problem:busy",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "All threads for this kind of request are busy; try again in a second.",
    "code": "busy",
    "errors": [],
    "request_id": "",
}


class Bulkhead:
    """WSGI wrapper that admits at most `slots` requests at a time beside the webhook's, which go their own way."""

    def __init__(self, application: Application, slots: int, *, webhook: Application | None = None) -> None:
        self._application = application
        self._webhook = webhook or application
        self._slots = BoundedSemaphore(slots)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, or answer 503 at once when its part of the threads is taken."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(WEBHOOK):
            return self._webhook(environ, start_response)
        if path.startswith(PROBE):
            return self._application(environ, start_response)
        if not self._slots.acquire(blocking=False):
            start_response(
                "503 Service Unavailable", [("Content-Type", "application/problem+json"), ("Retry-After", "1")]
            )
            return [json.dumps(BUSY).encode()]
        try:
            body = self._application(environ, start_response)
        except BaseException:
            self._slots.release()
            raise
        return _Released(body, self._slots)


class _Released:
    """A response body that gives its slot back when the server is done with it."""

    def __init__(self, body: Iterable[bytes], slots: BoundedSemaphore) -> None:
        self._body = body
        self._slots: BoundedSemaphore | None = slots

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body and release the slot, once."""
        slots, self._slots = self._slots, None
        try:
            if (close := getattr(self._body, "close", None)) is not None:
                close()
        finally:
            if slots is not None:
                slots.release()
