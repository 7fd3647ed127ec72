"""A call of the API is answered on its short way as on Django's own: by status, headers, body and log."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from time import monotonic
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connections
from django.http import Http404, StreamingHttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from structlog.contextvars import get_contextvars

from kernel.canonical import sha256_hex
from kernel.errors import DomainError
from orchestrator_site import api_errors
from orchestrator_site.web.calls import SiteHandler
from orchestrator_site.web.handling import API, ROUTE, CompressionMiddleware
from policies import access
from policies.models import ApiKey, KeyOwner
from policies.views import HeartbeatView
from tests.orchestrator_site.web.test_routes import SAMPLES, api_patterns

KEYS = {owner: f"{owner.value.lower():.8}.secret" for owner in (KeyOwner.ENGINE_A, KeyOwner.ANALYST)}
BODY = b'{"engine_version": "1", "rules_hash": "x"}'
Answer = dict[str, Any]


@pytest.fixture(autouse=True)
def _known_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that no database is asked for, answers that come out alike twice."""
    now = timezone.now()
    known = {
        sha256_hex(text.encode()): (ApiKey(owner=owner, last_used_at=now + timedelta(hours=1)), monotonic() + 3600)
        for owner, text in KEYS.items()
    }
    monkeypatch.setattr(access, "_remembered", known)
    monkeypatch.setattr(access, "_tell_refused", lambda *_: None)
    monkeypatch.setattr(api_errors, "count_error", lambda *_: None)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    monkeypatch.setattr(CompressionMiddleware, "max_random_bytes", 0)


class Lines(logging.Handler):
    """What is logged, and what is bound to it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        error = record.exc_info[1] if record.exc_info else None
        self.seen.append((record.name, record.levelname, record.getMessage(), repr(error), dict(get_contextvars())))


def answer(application: Any, path: str, method: str, body: bytes, **fields: str) -> Answer:
    """The application's answer, in a thread of its own: it has no connection to the database."""
    answered: Answer = {}
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.7",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
    } | fields

    def run() -> None:
        def start_response(line: str, headers: list[tuple[str, str]], _: object = None) -> Any:
            answered.update(line=line, headers=headers)

        try:
            response = application(environ, start_response)
            answered["body"] = b"".join(response)
            response.close()
        except Exception as error:  # noqa: BLE001 (whatever it raises)
            answered["raised"] = repr(error)
        answered["bound"] = dict(get_contextvars())

    lines = Lines()
    logging.getLogger("django").addHandler(lines)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        logging.getLogger("django").removeHandler(lines)
    noted = {name: environ.get(name) for name in (ROUTE, "client_address", "request_id")}
    return answered | {"lines": lines.seen, "noted": noted}


@pytest.fixture
def both() -> Callable[..., Answer]:
    """The answer to a call, once it is the same on both ways."""
    ours, django = SiteHandler(), WSGIHandler()

    def same(path: str, method: str = "POST", body: bytes = BODY, **fields: str) -> Answer:
        answers = [answer(way, path, method, body, **fields) for way in (ours, django)]
        assert answers[0] == answers[1], (method, path)
        return answers[0]

    return same


def paths() -> Iterator[str]:
    """A path of each route."""
    for pattern in api_patterns():
        yield API + re.sub(r"<(?:(\w+):)?\w+>", lambda part: SAMPLES[part[1] or "str"], str(pattern.pattern))


def test_every_route_answers_alike_whoever_calls(both: Callable[..., Answer]) -> None:
    seen = set()
    for path in paths():
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "odd"):
            seen.add(both(path, method)["line"][:3])
            for key in (*KEYS.values(), "unknown.key", "\u00e9"):
                seen.add(both(path, method, b"{", HTTP_AUTHORIZATION=f"Api-Key {key}")["line"][:3])

    assert seen >= {"200", "400", "401", "403", "405"}


@pytest.mark.parametrize(
    "fields",
    [
        {"PATH_INFO": "/api/v1/"},
        {"PATH_INFO": "/api/v1/elsewhere"},
        {"PATH_INFO": "/api/v1/trades/\0"},
        {"PATH_INFO": "/api/v1/trades/\xff\xfe"},
        {"PATH_INFO": "/api/v1/docs"},
        {"PATH_INFO": "/api/v1/docs/"},
        {"PATH_INFO": "/api/v2/heartbeat"},
        {"PATH_INFO": "//api/v1/heartbeat"},
        {"PATH_INFO": ""},
        {"SCRIPT_NAME": "/below"},
        {"HTTP_HOST": "foreign.example"},
        {"HTTP_HOST": "local host"},
        {"HTTP_HOST": ""},
        {"HTTP_X_REQUEST_ID": "sane-1"},
        {"HTTP_X_REQUEST_ID": "not sane\n"},
        {"HTTP_ACCEPT": "text/html"},
        {"HTTP_ACCEPT": "application/json; indent=4"},
        {"HTTP_ACCEPT": "application/json"},
        {"QUERY_STRING": "format=xml"},
        {"QUERY_STRING": "a=%ff"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_TYPE": "application/json; charset=odd"},
        {"CONTENT_TYPE": "multipart/form-data; boundary=b"},
        {"CONTENT_TYPE": ""},
        {"CONTENT_LENGTH": "odd"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 198.51.100.2"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"wsgi.url_scheme": "https"},
    ],
)
@pytest.mark.parametrize("place", ["at home", "in production", "behind a proxy"])
def test_an_odd_request_is_answered_alike(settings: Any, place: str, fields: dict[str, str]) -> None:
    if place != "at home":
        settings.SECURE_SSL_REDIRECT = True
        settings.SECURE_HSTS_SECONDS = 3600
        settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
        settings.ALLOWED_HOSTS = ["localhost"]
    if place == "behind a proxy":
        settings.TRUSTED_PROXIES = 1
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ours, django = SiteHandler(), WSGIHandler()
    path = fields.get("PATH_INFO", "/api/v1/heartbeat")
    for key in (None, *KEYS.values()):
        more = fields | ({"HTTP_AUTHORIZATION": f"Api-Key {key}"} if key else {})
        more.pop("PATH_INFO", None)

        assert answer(ours, path, "POST", BODY, **more) == answer(django, path, "POST", BODY, **more)


def _raise(error: Exception) -> Any:
    raise error


LATER = Response({"a": 1}, headers={"Vary": "Cookie", "Retry-After": "3"})
LATER.set_cookie("a", "b")


@pytest.mark.parametrize(
    ("does", "status"),
    [
        (lambda: Response([{"name": "a" * 50}] * 500), "200"),
        (lambda: Response({"name": "\u00e9\u2028"}, status=201), "201"),
        (lambda: Response(status=204), "204"),
        (lambda: Response([], content_type="text/odd"), "200"),
        (lambda: LATER, "200"),
        (lambda: Response({object()}), "500"),
        (lambda: None, "500"),
        (lambda: StreamingHttpResponse([b"a", b"b" * 300], content_type="text/csv"), "200"),
        (lambda: _raise(ValueError("a bug")), "500"),
        (lambda: _raise(OperationalError("gone")), "503"),
        (lambda: _raise(Http404()), "404"),
        (lambda: _raise(PermissionDenied()), "403"),
        (lambda: _raise(SuspiciousOperation("odd")), "400"),
        (lambda: _raise(DomainError("too_many_polls", "Wait.")), "429"),
    ],
)
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_whatever_a_view_does_is_passed_on_alike(
    monkeypatch: pytest.MonkeyPatch, both: Callable[..., Answer], does: Callable[[], Any], status: str, coding: str
) -> None:
    monkeypatch.setattr(HeartbeatView, "post", lambda *_: does())
    fields = {"HTTP_AUTHORIZATION": f"Api-Key {KEYS[KeyOwner.ENGINE_A]}", "HTTP_X_REQUEST_ID": "r-1"}

    got = both("/api/v1/heartbeat", **fields, **({"HTTP_ACCEPT_ENCODING": coding} if coding else {}))

    assert got["line"].startswith(status)
    assert dict(got["headers"])["X-Request-Id"] == "r-1"
    assert got["bound"] == {}
    assert bool(got["lines"]) or status != "500"


def test_the_request_id_is_bound_while_a_view_is_at_work(
    monkeypatch: pytest.MonkeyPatch, both: Callable[..., Answer]
) -> None:
    def post(view: HeartbeatView, request: Request) -> Response:
        return Response(get_contextvars())

    monkeypatch.setattr(HeartbeatView, "post", post)

    got = both("/api/v1/heartbeat", HTTP_AUTHORIZATION=f"Api-Key {KEYS[KeyOwner.ENGINE_A]}", HTTP_X_REQUEST_ID="r-1")

    assert got["body"] == b'{"request_id":"r-1"}'


def test_the_connection_is_looked_at_before_and_after_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(
        type(connections["default"]), "close_if_unusable_or_obsolete", lambda self: looked.append(self.alias)
    )

    answer(SiteHandler(), "/api/v1/heartbeat", "POST", BODY)

    assert looked == ["default", "default"]
    assert list(connections) == ["default"]
