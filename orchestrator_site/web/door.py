"""An alert process: it listens at the port, stores alerts on its event loop, hands all else to a page process.

No page and no thread is in here, so that nothing anybody asks of the site can make an alert wait (docs/adr/0003).
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from time import monotonic
from typing import Any, cast

import structlog
from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware

from kernel.errors import DomainError
from kernel.problems import problem_body
from kernel.processes import beat
from orchestrator_site.health import UNANSWERED, DoorMetrics, healthz
from orchestrator_site.log_format import stream
from orchestrator_site.web.handling import is_call, request_id_of
from orchestrator_site.web.heads import IS_OFFERED, KEEP_ALIVE, STAYS_OPEN, Environ, RequestError
from orchestrator_site.web.http1 import PROBLEM_JSON, RETRY_SECONDS, Connection, patrol
from orchestrator_site.web.intake import ASKS, CALL_BYTES, PART, request_frame
from signals_app.alerts.admission import FORWARDED
from signals_app.alerts.decoding import MAX_BODY_BYTES
from signals_app.urls import webhook_urls
from signals_app.webhook.receive import CUT_SHORT, AlertView
from signals_app.webhook.writer import Writer

WEBHOOKS, HEALTH = "/webhooks/", "/healthz"
# What asks how the site is wants no answer later than that.
PROBES, PROBE_SECONDS = frozenset({"/readyz", "/metrics"}), 2.5
# Long polls wait for 25, and a report of years may take its time.
PAGE_SECONDS = 60.0
BEAT_SECONDS = 0.5
# At bar close hundreds of alerts arrive within a second or two, each on a connection of its own.
BACKLOG = 4096
# Less than `up` leaves its programs to stop in.
DRAIN_SECONDS = 4.0
FIRST_WORD_SECONDS = 0.5
SPARE_FILES = 64
# One byte more than any part of the site reads.
KEPT_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
# Whose requests come by a proxy, which may send anybody's on one connection.


class PageCall(asyncio.Protocol):
    """One request at a page process: hands it over, and passes the answer on as it comes.

    `done` is told which call of the API this was once it has its answer, and of whatever nobody has answered.
    """

    def __init__(self, frame: bytes, sender: Connection, done: Callable[[str], object]) -> None:
        self._frame = frame
        self._sender = sender
        self._done = done
        self._buffer = bytearray()
        self._label: str | None = None
        self._asks = False
        # Of the part that is being passed on.
        self._left = 0
        self._is_done = False
        sender.on_deadline = self.give_up

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the request over, unless its sender has left or been answered meanwhile."""
        self._transport = cast("asyncio.Transport", transport)
        if self._is_done or self._sender.transport.is_closing():
            self._transport.abort()
            return
        self._sender.on_pause = self._transport.pause_reading
        self._sender.on_resume = self._transport.resume_reading
        self._sender.on_lost = self._transport.abort
        self._transport.write(self._frame)

    def data_received(self, data: bytes) -> None:
        """Pass on what is there; a part may be a whole export, so nothing is kept until it is complete."""
        self._buffer += data
        while self._buffer and not self._is_done:
            if self._left:
                self._sender.deadline = float("inf")
                self._sender.write(bytes(self._buffer[: self._left]))
                passed = min(self._left, len(self._buffer))
                self._left -= passed
                del self._buffer[:passed]
            elif len(self._buffer) < PART.size:
                return
            elif self._label is None:
                end = PART.size + PART.unpack_from(self._buffer)[0]
                if len(self._buffer) < end:
                    return
                label = self._buffer[PART.size : end].decode()
                self._label, self._asks = label.removeprefix(ASKS), label.startswith(ASKS)
                del self._buffer[:end]
            else:
                (self._left,) = PART.unpack_from(self._buffer)
                del self._buffer[: PART.size]
                if self._left == 0:
                    self._is_done = True
                    self._sender.finish()
                    if self._label:
                        self._done(self._label)
                    if self._asks:
                        # By then the loop has sent what has been written so far.
                        asyncio.get_running_loop().call_soon(self._give)
                    else:
                        self._transport.close()

    def _give(self) -> None:
        """Let the page process have the connection; what is closed here is open there."""
        if self._sender.can_leave():
            number = self._transport.get_extra_info("socket").fileno()
            with suppress(OSError), socket.socket(fileno=os.dup(number)) as line:
                socket.send_fds(line, [b"."], [self._sender.transport.get_extra_info("socket").fileno()])
                self._sender.transport.abort()
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """A page process that ended before its answer did."""
        if not self._is_done:
            self.give_up()

    def give_up(self) -> None:
        """Say that nobody answers, or break off an answer that has begun."""
        if self._is_done:
            return
        self._is_done = True
        if hasattr(self, "_transport"):
            self._transport.abort()
        # One that has left meanwhile was not denied anything.
        if not self._sender.transport.is_closing():
            self._done(f"ANY 503 {UNANSWERED}")
        if self._sender.has_answered:
            self._sender.transport.abort()
        else:
            refuse(self._sender, "The site is busy or restarting; try again.")


def refuse(connection: Connection, detail: str, code: str = "unavailable") -> None:
    """Answer with a problem, of 503 with the advice to come again."""
    document = problem_body(code, detail)
    again = [("Retry-After", RETRY_SECONDS)] if document["status"] == HTTPStatus.SERVICE_UNAVAILABLE else []
    connection.answer(document["status"], [("Content-Type", PROBLEM_JSON), *again], json.dumps(document).encode())


class Door:
    """The site as its connections see it."""

    def __init__(self, pages: str) -> None:
        """Take the address of the page processes' socket."""
        self._pages = pages
        self._metrics = DoorMetrics()
        self._writer = Writer(self._count)
        self._view: Any = AlertView.as_view(keeper=self._writer)
        self._address = webhook_urls[0].pattern
        # Its two halves neither wait nor ask the database.
        self._security = SecurityMiddleware(lambda _: HttpResponse())
        self._lines_dropped = 0
        self._tasks: set[asyncio.Task[object]] = set()
        self.connections: dict[Connection, None] = {}
        # Each may need another one to a page process; some are the log's, the database's and the like.
        self.most_connections = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES) // 2
        self.held_bytes = 0
        self.is_draining = False

    def _count(self, stored: int) -> None:
        """Count a batch of alerts that has been committed."""
        self._metrics.batches.inc()
        self._metrics.stored.inc(stored)

    def kept_bytes(self, environ: Environ) -> int:
        """How much of a body anybody reads, and one byte more."""
        return MAX_BODY_BYTES + 1 if environ["PATH_INFO"].startswith(WEBHOOKS) else KEPT_BYTES

    def serve(
        self, environ: Environ, body: bytes, connection: Connection, cut_short: DomainError | None = None
    ) -> None:
        """Begin to answer one request; an alert that was cut short is refused by the view, which keeps it as well."""
        path = environ["PATH_INFO"]
        if not is_call(path) or any(name in environ for name in FORWARDED):
            connection.is_mixed = True
        if path == HEALTH:
            response = healthz(self._request(environ, b""))
            connection.answer(response.status_code, list(response.items()), response.content)
            return
        request = self._request(environ, body) if path.startswith(WEBHOOKS) else None
        found = request and request.method == "POST" and self._address.match(request.path_info.removeprefix(WEBHOOKS))
        if request and found:
            request.META[CUT_SHORT] = cut_short
            work = self._store(request, connection, found[2])
        elif cut_short is not None:
            refuse(connection, cut_short.detail, cut_short.code)
            return
        else:
            work = self._hand_over(environ, body, connection)
        self._begin(work)

    def _begin(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _store(self, request: WSGIRequest, connection: Connection, arguments: dict[str, Any]) -> None:
        """Let the webhook's view answer: request, middleware and view are Django's, no thread is taken."""
        begun = monotonic()
        request_id = request.META["request_id"] = request_id_of(request.META.get("HTTP_X_REQUEST_ID", ""))
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response: Any = self._security.process_request(request)
            if response is None:
                response = await self._view(request, **arguments)
            if hasattr(response, "render"):
                response = response.render()
            response = self._security.process_response(request, response)
        except Exception as error:  # noqa: BLE001 (what Django does around every view; it logs the error)
            response = response_for_exception(request, error)
        connection.answer(response.status_code, [*response.items(), ("X-Request-Id", request_id)], response.content)
        self._metrics.alerts.labels(response.status_code).observe(monotonic() - begun)

    def _request(self, environ: Environ, body: bytes) -> WSGIRequest:
        try:
            return WSGIRequest({**environ, "wsgi.url_scheme": "http", "wsgi.input": BytesIO(body)})
        except (ValueError, LookupError) as error:
            # A content type in an encoding that nobody knows, say.
            raise RequestError("invalid", "The request's headers cannot be understood.") from error

    async def _hand_over(self, environ: Environ, body: bytes, connection: Connection) -> None:
        """Let a page process answer."""
        is_probe = environ["PATH_INFO"] in PROBES
        patience = PROBE_SECONDS if is_probe else PAGE_SECONDS
        begun = monotonic()
        connection.deadline = begun + patience
        open_as = STAYS_OPEN if connection.is_mixed else IS_OFFERED
        environ[KEEP_ALIVE] = open_as if connection.stays_open() else ""

        def done(label: str) -> None:
            # Whoever looks whether a site has started is no caller of its API.
            if not is_probe:
                self._metrics.calls.labels(*label.split(" ", 2)).observe(monotonic() - begun)

        call = PageCall(request_frame(environ, body), connection, done)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: call, self._pages)
        except OSError:
            # As many wait already as the socket holds, or no page process has ever started.
            call.give_up()

    def _take_back(self, returned: socket.socket) -> None:
        """Go on with a connection that a page process had, and with what it has heard of the next request."""
        try:
            heard, descriptors, _, _ = socket.recv_fds(returned, CALL_BYTES, 1)
        except BlockingIOError:
            # Another alert process has been quicker.
            return
        # None came with it where this process has as many files open as it may.
        for descriptor in descriptors:
            line = socket.socket(fileno=descriptor)
            loop = asyncio.get_running_loop()
            self._begin(loop.connect_accepted_socket(lambda: Connection(self, heard), line))

    async def run(self, listener: socket.socket, returned: socket.socket) -> None:
        """Serve until SIGTERM."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)

        def beat_on() -> None:
            # All that is done here is done by turns of this loop.
            beat()
            before, self._lines_dropped = self._lines_dropped, stream.lines_dropped
            self._metrics.lines_dropped.inc(self._lines_dropped - before)
            loop.call_later(BEAT_SECONDS, beat_on)

        beat_on()
        await self.serve_until(stopping, listener, returned)

    async def serve_until(self, stopping: asyncio.Event, listener: socket.socket, returned: socket.socket) -> None:
        """Serve, then answer what has begun."""
        loop = asyncio.get_running_loop()
        returned.settimeout(0)
        loop.add_reader(returned, self._take_back, returned)
        server = await loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)
        patrol(self)
        await stopping.wait()
        server.close()
        self.is_draining = True
        begun = monotonic()
        while self.connections and monotonic() < begun + DRAIN_SECONDS:
            for connection in [one for one in self.connections if one.is_idle]:
                # Who has just connected is about to say something.
                if connection.has_answered or monotonic() > begun + FIRST_WORD_SECONDS:
                    connection.close()
            await asyncio.sleep(0.02)
        loop.remove_reader(returned)
        await self._writer.close()
