"""A request on its way from the wire to a view: its body, its thread, what every request passes, strict JSON.

A request is read on an event loop, then answered by a thread. A thread is taken only once the whole request is there,
so that senders who trickle their bodies hold nothing but a connection each; and it comes from one of two pools, so that
slow pages and long polls leave alerts their own (docs/adr/0003-web-server.md).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import structlog
from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError
from django.db.utils import InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import resolve
from django.utils.module_loading import import_string
from rest_framework.parsers import BaseParser

from kernel.events import DATABASE_UNAVAILABLE
from kernel.problems import problem_body
from orchestrator_site.api_errors import problem
from orchestrator_site.health import healthz, metrics, readyz
from orchestrator_site.web.pages import CompressionMiddleware
from signals_app.alerts.admission import client_address
from signals_app.alerts.decoding import decode_alert

if TYPE_CHECKING:
    # Another server needs none of it.
    from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined] # exported, not declared

Environ = dict[str, Any]
WSGIApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
GetResponse = Callable[[HttpRequest], HttpResponse]

WEBHOOK = "/webhooks/"
# Beside the alerts: a probe that waits for pages would have the site restarted.
PROBE = "/healthz"
# TradingView itself gives up after three.
BODY_SECONDS = 10.0
# One byte more than any part of the site reads; the rest is taken off the wire, or the sender would miss the answer.
KEPT_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
TAKEN_BYTES = 32 * KEPT_BYTES
# Closed, because what is left of the body on the wire would be read as the next request.
PROBLEM_HEAD = [("content-type", "application/problem+json"), ("connection", "close")]
TOO_SLOW = problem_body("body_too_slow", f"The body did not arrive within {BODY_SECONDS:.0f} s; send it again.")
INCOMPLETE = problem_body("body_incomplete", "The body ended before its announced length; send it again.")
PROBES: dict[str, GetResponse] = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
# Of the webhook: the id for logs and answers; HTTPS only, where the settings say so.
WEBHOOK_MIDDLEWARE = (
    "orchestrator_site.web.handling.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
)
API, API_PAGE = "/api/v1/", "/api/v1/docs"
# An answer of more than this is a list or a report; an engine's own calls stay below, and cost nothing.
COMPRESSED_FROM = 8_192
# Of whatever is no page: opened in a browser, it loads and runs nothing.
NOTHING_MAY_LOAD = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# It goes into every log line and back into a header, so that nothing odd may come in by it.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


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


class WebhookHandler(WSGIHandler):
    """The webhook's own way through Django: the same view, with the middleware it needs and no other.

    Sessions, messages, static files and forms are nothing to it; the view itself answers errors of the database.
    """

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's signature)
        """Build the chain, as Django does from its settings."""
        # django-stubs know none of these.
        self._view_middleware: list[object] = []
        self._template_response_middleware: list[object] = []
        self._exception_middleware: list[object] = []
        chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]
        for path in reversed(WEBHOOK_MIDDLEWARE):
            chain = convert_exception_to_response(import_string(path)(chain))
        # Last, because it says that the handler is complete.
        self._middleware_chain = chain

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with a length, as Django's CommonMiddleware does: without one the answer goes out in chunks."""
        response = super().get_response(request)
        if isinstance(response, HttpResponse):
            response["Content-Length"] = str(len(response.content))
        return response


class RequestIdMiddleware:
    """Give each request an id, taken from X-Request-Id where that is sane, and bind it to the logs.

    Every answer comes by here, so that none is without a Content-Security-Policy.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the id in X-Request-Id."""
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request.META["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        response.headers.setdefault("Content-Security-Policy", NOTHING_MAY_LOAD)
        return response


class ClientAddressMiddleware:
    """Note where the request came from, as our own proxies say, for the audit log and whoever else asks."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on with `client_address`, empty when nothing usable is known."""
        meta = request.META
        address = client_address(
            meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), settings.TRUSTED_PROXIES
        )
        meta["client_address"] = "" if address is None else str(address)
        return self.get_response(request)


class ProbeMiddleware:
    """Answer probes before a host name or HTTPS is demanded: they come from inside, by address, over plain HTTP."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe at once; pass every other request on."""
        probe = PROBES.get(request.path_info)
        return self.get_response(request) if probe is None else probe(request)


class ApiMiddleware:
    """Answer the API's calls here: sessions, messages, static files and forms are nothing to them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._compression = CompressionMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Call the view of an API path; pass every other request on."""
        path = request.path_info
        # The page that describes the API is a page.
        if not path.startswith(API) or path == API_PAGE:
            return self.get_response(request)
        # What CommonMiddleware does for a site: refuse a foreign host name, name the length.
        request.get_host()
        request.resolver_match = match = resolve(path)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        if isinstance(response, SimpleTemplateResponse):
            response.render()
        if len(response.content) >= COMPRESSED_FROM and "HTTP_ACCEPT_ENCODING" in request.META:
            response = self._compression.process_response(request, response)
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


class DatabaseUnavailableMiddleware:
    """Answer 503 while the database cannot be reached, so that the sender tries again."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn a lost database into a 503; other exceptions pass."""
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        DATABASE_UNAVAILABLE.log(error=str(exception))
        return problem(request, "database_unavailable", "The database is unavailable; try again.", retry_after=5)


class StrictJSONParser(BaseParser):
    """Read API bodies as strictly as alerts: duplicate keys, NaN, U+0000 and their like are refused with their code."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body's object, its prices as Decimal and never as float; raise DomainError with code and sentence."""
        body = stream.read()
        decode_alert(body, max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        document: dict[str, Any] = json.loads(body.decode("utf-8-sig"), parse_float=Decimal)
        return document
