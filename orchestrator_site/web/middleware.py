"""What every request passes: an id for the logs, where it came from, strict JSON, a 503 while the database is away."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import IO, Any

import structlog
from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError
from django.db.utils import InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework.parsers import BaseParser

from kernel.events import DATABASE_UNAVAILABLE
from orchestrator_site.api_errors import problem
from orchestrator_site.health import healthz, metrics, readyz
from signals_app.alerts.admission import client_address
from signals_app.alerts.decoding import decode_alert

# 5,000 quotes with the longest names and prices fit.
MAX_BODY_BYTES = 2 * 1024 * 1024
GetResponse = Callable[[HttpRequest], HttpResponse]
PROBES: dict[str, GetResponse] = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
# Of the webhook: the id for logs and answers; HTTPS only, where the settings say so.
WEBHOOK_MIDDLEWARE = (
    "orchestrator_site.web.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
)
# It goes into every log line and back into a header, so that nothing odd may come in by it.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Give each request an id, taken from X-Request-Id where that is sane, and bind it to the logs."""

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

    media_type = "*/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body's object, its prices as Decimal and never as float; raise DomainError with code and sentence."""
        body = stream.read()
        decode_alert(body, max_bytes=MAX_BODY_BYTES)
        document: dict[str, Any] = json.loads(body.decode("utf-8-sig"), parse_float=Decimal)
        return document


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
