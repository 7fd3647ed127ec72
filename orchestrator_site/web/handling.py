"""What every request passes on its way to a view, and how strictly JSON is read."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import IO, Any

import structlog
from django.conf import settings
from django.db import OperationalError
from django.db.utils import InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import resolve
from rest_framework.parsers import BaseParser

from kernel.events import DATABASE_UNAVAILABLE
from orchestrator_site.api_errors import problem
from orchestrator_site.health import healthz, metrics, readyz
from orchestrator_site.web.pages import CompressionMiddleware
from signals_app.alerts.admission import client_address
from signals_app.alerts.decoding import decode_alert

GetResponse = Callable[[HttpRequest], HttpResponse]

PROBES: dict[str, GetResponse] = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
API, API_PAGE = "/api/v1/", "/api/v1/docs"
# An answer of more than this is a list or a report; an engine's own calls stay below, and cost nothing.
COMPRESSED_FROM = 8_192
# Of whatever is no page: opened in a browser, it loads and runs nothing.
NOTHING_MAY_LOAD = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# It goes into every log line and back into a header, so that nothing odd may come in by it.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


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
