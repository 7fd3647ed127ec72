"""What answers everything but alerts: threads that take whole requests from the door, and what each passes to its view.

All page processes accept on one Unix socket, a thread each request, few at once (`turns.py`). A process that stands
still accepts none, so that the others get its share. A request comes as a document and a body. What goes back are
parts: first the call of the API that it was, nothing for a page; then HTTP/1.1 as the sender will get it; an empty part
says that this was all, or a process that died would look like one that is done.
"""

from __future__ import annotations

import json
import re
import select
import signal
import socket
import struct
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from io import BytesIO
from itertools import chain
from time import monotonic, sleep
from typing import IO, Any

import structlog
from django.conf import settings
from django.db import OperationalError
from django.db.utils import InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.gzip import GZipMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver, resolve
from rest_framework.parsers import BaseParser

from kernel.events import DATABASE_UNAVAILABLE, PAGE_FAILED
from kernel.processes import beat
from orchestrator_site.api_errors import problem
from orchestrator_site.health import healthz, metrics, readyz
from orchestrator_site.web.http1 import NOTHING_MAY_LOAD, Environ, Headers, head_of
from orchestrator_site.web.turns import Turns
from signals_app.alerts.admission import client_address
from signals_app.alerts.decoding import decode_alert

GetResponse = Callable[[HttpRequest], HttpResponse]

PROBES: dict[str, GetResponse] = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
API, API_PAGE, PAGES = "/api/v1/", "/api/v1/docs", "/admin/"
# An answer of more than this is a list or a report; an engine's own calls stay below, and cost nothing.
COMPRESSED_FROM = 8_192
# Fonts and pictures are compressed already. A progress is told line by line, and gzip would hold the lines back.
COMPRESSED = (
    "text/", "application/json", "application/problem+json", "application/vnd.oai.openapi", "application/javascript",
    "image/svg+xml",
)  # fmt: skip
# It goes into every log line and back into a header, so that nothing odd may come in by it.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Lengths of the environ's document and of the body; of a part of the answer.
REQUEST, PART = struct.Struct("!II"), struct.Struct("!I")
END = b""
# The door has the whole request when it connects, and takes what it gets: slower than this it is dead.
SOCKET_SECONDS = 60.0
STOP_SECONDS = 4.0
# A statement may take 60, and the door waits no longer for the beginning of an answer.
STUCK_SECONDS = 75.0
# Answers that say no length (RFC 9110).
WITHOUT_CONTENT = {204, 304}
# In the environ: whether the sender's connection stays open after the answer.
KEEP_ALIVE = "orchestrator.keep_alive"
# In the environ once the call is known: its route as the API document writes it.
ROUTE = "orchestrator.route"
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


def request_frame(environ: Environ, body: bytes) -> bytes:
    """A request as it goes from the door to a page process."""
    document = json.dumps(environ).encode()
    return REQUEST.pack(len(document), len(body)) + document + body


def answer_parts(application: WSGIApplication, environ: dict[str, Any]) -> Iterator[list[bytes]]:
    """Run the application; method, status and route of a call of the API, then what the sender gets, in parts.

    Those that are there at once come together: whatever is sent alone wakes the door up once more.
    """
    status, headers = 500, []

    def start_response(line: str, fields: Headers, _: object = None) -> None:
        nonlocal status, headers
        status, headers = int(line[:3]), fields

    keep_alive = environ[KEEP_ALIVE] == "yes"
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    response = application(environ, start_response)
    try:
        route = environ.get(ROUTE, "")
        method = environ["REQUEST_METHOD"] if status != 405 else "ANY"
        label = f"{method} {status} {route}".encode() if route else b""
        if not isinstance(response, StreamingHttpResponse):
            content = b"".join(response)
            if status not in WITHOUT_CONTENT and not any(name.lower() == "content-length" for name, _ in headers):
                headers.append(("Content-Length", str(len(content))))
            head = head_of(status, headers, keep_alive=keep_alive)
            yield [label, head if is_head else head + content, END]
            return
        # HTTP/1.0 knows no chunks: the end of the connection is the end of the answer.
        is_chunked = environ["SERVER_PROTOCOL"] == "HTTP/1.1" and not response.has_header("Content-Length")
        coding = [("Transfer-Encoding", "chunked")] if is_chunked else []
        yield [label, head_of(status, [*headers, *coding], keep_alive=keep_alive)]
        for part in response if not is_head else ():
            if part:
                yield [b"%x\r\n%s\r\n" % (len(part), part) if is_chunked else part]
        yield [b"0\r\n\r\n", END] if is_chunked and not is_head else [END]
    finally:
        if (close := getattr(response, "close", None)) is not None:
            close()


class PageProcess:
    """The threads of this process, and when each of them last came on with the request that it has."""

    def __init__(self, application: WSGIApplication, listener: socket.socket, threads: int) -> None:
        self._application = application
        self._listener = listener
        self._threads = threads
        self._turns = Turns()
        self._progress: dict[int, float] = {}
        self._is_stopping = False

    def run(self) -> None:
        """Serve until SIGTERM, and let what has begun come to its end."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.start()
        while not self._is_stopping:
            if self.is_coming_on():
                beat()
            sleep(0.5)
        deadline = monotonic() + STOP_SECONDS
        while self._progress and monotonic() < deadline:
            sleep(0.02)

    def start(self) -> None:
        """Start the threads."""
        threading.Thread(target=self._turns.watch, name="turns", daemon=True).start()
        for number in range(self._threads):
            threading.Thread(target=self._serve, args=(number,), name=f"page-{number}", daemon=True).start()

    def is_coming_on(self) -> bool:
        """Whether a thread is free, or has come on with its request lately."""
        busy = list(self._progress.values())
        return len(busy) < self._threads or monotonic() - max(busy) < STUCK_SECONDS

    def _stop(self, signum: int, frame: object) -> None:
        self._is_stopping = True

    def _serve(self, number: int) -> None:
        while not self._is_stopping:
            self._turns.wait(number)
            connection, _ = self._listener.accept()
            self._progress[number] = monotonic()
            self._turns.begin(number)
            with connection:
                connection.settimeout(SOCKET_SECONDS)
                self._answer(connection, number)
            del self._progress[number]

    def _answer(self, connection: socket.socket, number: int) -> None:
        try:
            with connection.makefile("rb") as stream:
                lengths = stream.read(REQUEST.size)
                if len(lengths) < REQUEST.size:
                    return
                of_environ, of_body = REQUEST.unpack(lengths)
                environ, body = json.loads(stream.read(of_environ)), stream.read(of_body)
            if has_hung_up(connection):
                return
            for parts in answer_parts(self._application, environ | wsgi_members(environ, body)):
                connection.sendall(b"".join([PART.pack(len(part)) + part for part in parts]))
                self._progress[number] = monotonic()
        except OSError:
            # The sender, or the door itself, has gone: nobody waits for this answer.
            return
        except Exception as error:  # noqa: BLE001 (of a part that is streamed; Django answers all else itself)
            # Without its last part the sender sees that the answer broke off.
            PAGE_FAILED.log(error=repr(error))


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the door has turned away, because the sender has gone or was told to try again meanwhile."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def wsgi_members(environ: Environ, body: bytes) -> dict[str, Any]:
    """What WSGI asks for beside the request itself (PEP 3333)."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def request_id_of(given: str) -> str:
    """The id that the sender has given, where it is sane; else a new one."""
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


class RequestIdMiddleware:
    """Give each request an id, taken from X-Request-Id where that is sane, and bind it to the logs.

    Every answer comes by here, so that none is without a Content-Security-Policy.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the id in X-Request-Id."""
        request_id = request.META["request_id"] = request_id_of(request.META.get("HTTP_X_REQUEST_ID", ""))
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
        finally:
            structlog.contextvars.reset_contextvars(**bound)
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


class CompressionMiddleware(GZipMiddleware):
    """Compress text for whoever takes it; why that gives no secret away stands in docs/adr/0013-compression.md."""

    def process_response(  # type: ignore[override]  # Django's own takes whatever a view returns
        self, request: HttpRequest, response: HttpResponse
    ) -> HttpResponse:
        """Compress a whole answer; a part of a file and an answer without a body stay as they are."""
        if response.status_code == 206 or request.method == "HEAD":
            return response
        if not response.get("Content-Type", "").startswith(COMPRESSED):
            return response
        compressed: HttpResponse = super().process_response(request, response)  # type: ignore[assignment]
        return compressed


class NulPathMiddleware:
    """Say of a page that a path with U+0000 is no URL: PostgreSQL's text cannot hold it, and a view would ask.

    A token of the webhook that holds one is as unknown as any other.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass every other request on."""
        if request.path_info.startswith(PAGES):
            refuse_nul(request.path_info)
        return self.get_response(request)


def refuse_nul(path: str) -> None:
    """Raise Http404 for a path that holds U+0000."""
    if "\0" in path:
        raise Http404


def resolve_call(path: str) -> ResolverMatch:
    """What Django's `resolve` finds for a path of the API; raise Resolver404 as it does.

    Django tries all URLs one after the other, which takes a tenth of what a call does outside of its view.
    """
    rest = path.removeprefix(API)
    for pattern in _calls(settings.ROOT_URLCONF).get(_first_segment(rest), ()):
        if match := pattern.resolve(rest):
            match.route = API[1:] + match.route
            return match
    return resolve(path)


@cache
def documented(route: str) -> str:
    """The route of a match as the API's document writes it."""
    return _CONVERTER.sub(r"{\1}", route.removeprefix(API[1:]))


@cache
def _calls(urlconf: str) -> dict[str, list[URLPattern]]:
    """The URLs of the API by the first segment of their routes."""
    api = next(one for one in get_resolver(urlconf).url_patterns if str(one.pattern) == API[1:])
    assert isinstance(api, URLResolver)
    # Each app's are included without a prefix.
    found = [part.url_patterns if isinstance(part, URLResolver) else [part] for part in api.url_patterns]
    calls: dict[str, list[URLPattern]] = {}
    for pattern in chain.from_iterable(found):
        assert isinstance(pattern, URLPattern)
        calls.setdefault(_first_segment(str(pattern.pattern)), []).append(pattern)
    return calls


def _first_segment(path: str) -> str:
    return path.partition("/")[0]


def is_call(path: str) -> bool:
    """Whether this is the API's; the page that describes it is a page."""
    return path.startswith(API) and path != API_PAGE


class ApiMiddleware:
    """Answer the API's calls here: sessions, messages, static files and forms are nothing to them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._compression = CompressionMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Call the view of an API path; pass every other request on."""
        path = request.path_info
        if not is_call(path):
            return self.get_response(request)
        # What CommonMiddleware does for a site: refuse a foreign host name, name the length.
        request.get_host()
        refuse_nul(path)
        request.resolver_match = match = resolve_call(path)
        request.META[ROUTE] = documented(match.route)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        if response.streaming:
            return self._compression.process_response(request, response)
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
        return decode_alert(stream.read(), max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, exact=True)
