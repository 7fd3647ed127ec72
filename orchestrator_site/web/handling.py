"""What a request passes before its view: an id, the sender's address, the probes, the API's calls."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from itertools import chain
from typing import IO, Any

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver, resolve
from rest_framework.parsers import BaseParser

from orchestrator_site.api_errors import outage
from orchestrator_site.health import healthz, metrics, readyz
from orchestrator_site.web.heads import NOTHING_MAY_LOAD
from signals_app.alerts.admission import client_address, refuse_encoded
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
# In the environ once the call is known: its route as the API document writes it.
ROUTE = "orchestrator.route"
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


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
    """Answer 503 while the database cannot be reached, and 429 where another holds a lock: the sender tries again."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Tell of the database what a view has met; other exceptions pass."""
        return outage(request, exception)


class StrictJSONParser(BaseParser):
    """Read API bodies as strictly as alerts: duplicate keys, NaN, U+0000 and their like are refused with their code."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body's object, its prices as Decimal and never as float; raise DomainError with code and sentence.

        The request keeps the bytes as `sent`, for the call that stores them.
        """
        if parser_context is not None:
            refuse_encoded(parser_context["request"].META.get("HTTP_CONTENT_ENCODING", ""))
        body = stream.read()
        read = decode_alert(body, max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, exact=True)
        if parser_context is not None:
            parser_context["request"].sent = body
        return read
