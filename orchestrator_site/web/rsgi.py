"""RSGI entry point, for granian: a request is read on an event loop, then answered by a thread.

A thread is taken only once the whole request is there, so that senders who trickle their bodies hold
nothing but a connection each; and it comes from one of two pools, so that slow pages and long polls
leave alerts their own (docs/adr/0003-web-server.md). Any WSGI server runs `wsgi.py` instead.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.http import StreamingHttpResponse
from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined] # exported, not declared

from kernel.problems import problem_body
from orchestrator_site.wsgi import application as site

from orchestrator_site.web.middleware import WebhookHandler  # isort: skip (Django is set up by then)

Environ = dict[str, Any]
WSGIApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

WEBHOOK = "/webhooks/"
# Beside the alerts: a probe that waits for pages would have the site restarted.
PROBE = "/healthz"
# TradingView itself gives up after three.
BODY_SECONDS = 10.0
# More than any part of the site reads. The rest is taken off the wire, or the sender would not read the answer.
KEPT_BYTES = 2 * 1024 * 1024 + 1
TAKEN_BYTES = 32 * KEPT_BYTES
# Closed, because what is left of the body on the wire would be read as the next request.
PROBLEM_HEAD = [("content-type", "application/problem+json"), ("connection", "close")]
TOO_SLOW = problem_body("body_too_slow", f"The body did not arrive within {BODY_SECONDS:.0f} s; send it again.")
INCOMPLETE = problem_body("body_incomplete", "The body ended before its announced length; send it again.")


class RequestThreads:
    """RSGI application around two WSGI ones: the webhook, and the whole site."""

    def __init__(self, site: WSGIApplication, webhook: WSGIApplication, *, threads: int, webhook_threads: int) -> None:
        """Take the threads of this process, and how many of them are for alerts."""
        self._site, self._webhook = site, webhook
        self._site_pool = ThreadPoolExecutor(threads - webhook_threads, "site")
        self._webhook_pool = ThreadPoolExecutor(webhook_threads, "webhook")

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request; 408 when its body comes too slowly, 400 when only a part of it comes."""
        length = scope.headers.get("content-length", "")
        announced = int(length) if length.isdecimal() else None
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body, size = await _read_body(scope, protocol, announced)
        except TimeoutError:
            _refuse(protocol, TOO_SLOW)
            return
        if announced is not None and size < min(announced, TAKEN_BYTES):
            # The sender is gone: what it began to say is nobody's alert.
            _refuse(protocol, INCOMPLETE)
            return
        application, pool = self._site, self._site_pool
        if scope.path.startswith(WEBHOOK):
            application, pool = self._webhook, self._webhook_pool
        elif scope.path.startswith(PROBE):
            pool = self._webhook_pool
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(pool, _answer, application, environ_of(scope, body, size), protocol, loop)


def _refuse(protocol: HTTPProtocol, document: dict[str, Any]) -> None:
    protocol.response_str(document["status"], PROBLEM_HEAD, json.dumps(document))


async def _read_body(scope: Scope, protocol: HTTPProtocol, announced: int | None) -> tuple[bytes, int]:
    """The body, or its beginning when it is longer than anything here reads, and how much came."""
    if announced is not None and announced < KEPT_BYTES:
        # One wait for the whole instead of one a part: nearly every alert comes this way.
        body = await protocol()
        return body, len(body)
    if announced is None and "transfer-encoding" not in scope.headers:
        return b"", 0
    parts, size = [], 0
    async for part in protocol:
        if size < KEPT_BYTES:
            parts.append(bytes(part))
        size += len(part)
        if size > TAKEN_BYTES:
            break
    return b"".join(parts), size


def _answer(
    application: WSGIApplication, environ: Environ, protocol: HTTPProtocol, loop: asyncio.AbstractEventLoop
) -> None:
    """Run the application in this thread and send what it answers."""
    status, headers = 500, [("", "")]

    async def send(transport: Any, part: bytes) -> None:
        # What granian returns is awaitable but no coroutine, which a call from another thread needs.
        await transport.send_bytes(part)

    def start_response(line: str, fields: list[tuple[str, str]], _: object = None) -> None:
        nonlocal status, headers
        status, headers = int(line[:3]), [(name.lower(), value) for name, value in fields]

    response = application(environ, start_response)
    try:
        if isinstance(response, StreamingHttpResponse):
            transport = protocol.response_stream(status, headers)
            for part in response:
                # Each part is waited for, so that parts do not pile up in memory for a slow reader.
                asyncio.run_coroutine_threadsafe(send(transport, part), loop).result()
        else:
            protocol.response_bytes(status, headers, b"".join(response))
    finally:
        if (close := getattr(response, "close", None)) is not None:
            close()


def environ_of(scope: Scope, body: bytes, size: int) -> Environ:
    """The request as WSGI has it (PEP 3333); `size` is that of the whole body, of which `body` is kept."""
    host, _, port = scope.server.rpartition(":")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        # X_Forwarded_For would become what X-Forwarded-For becomes, past a proxy that sets only the latter.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    # A body in chunks announces no length; here it is known.
    environ.setdefault("CONTENT_LENGTH", str(size))
    return environ


application = RequestThreads(
    site, WebhookHandler(), threads=settings.WEB_THREADS, webhook_threads=settings.WEBHOOK_THREADS
)
