"""The alert process answers alerts as the site does, and hands on all else."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from orchestrator_site.web import page_process
from orchestrator_site.web.calls import SiteHandler
from orchestrator_site.web.heads import KEEP_ALIVE
from orchestrator_site.web.intake import request_frame
from orchestrator_site.web.page_process import PageProcess
from signals_app.models import Signal
from signals_app.webhook import receive
from tests.factories import make_source
from tests.processes.harness import wait_until
from tests.signals_app.webhook.door import NOWHERE, Answer, open_door, open_pages, post
from tests.signals_app.webhook.webhook import TOKEN, alert

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def port() -> Iterator[int]:
    """An alert process without page processes."""
    with open_door(NOWHERE) as port:
        yield port


class Probe:
    """A request without a body, and what came back."""

    def __init__(self, port: int, method: str, path: str) -> None:
        connection = HTTPConnection("localhost", port, timeout=30)
        connection.request(method, path)
        answer = connection.getresponse()
        self.status, self.retry_after = answer.status, answer.headers["Retry-After"]
        self.document = json.loads(answer.read())
        connection.close()


def send(port: int, body: bytes, *, token: str = TOKEN, **meta: str) -> Answer:
    return post(port, f"/webhooks/tradingview/{token}/", body, "application/json", HTTP_HOST="localhost", **meta)


def test_an_alert_is_stored_and_answered(port: int) -> None:
    make_source()

    answer = send(port, json.dumps(alert()).encode())

    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    assert answer["X-Request-Id"]
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(("body", "token"), [(b"{}", TOKEN), (b"", TOKEN), (b"{}", "a-token-nobody-knows")])
def test_refusals_are_the_same_as_behind_all_middleware(port: int, body: bytes, token: str) -> None:
    make_source()

    answer = send(port, body, token=token, HTTP_X_REQUEST_ID="the-same")

    path, headers = f"/webhooks/tradingview/{token}/", {"X-Request-Id": "the-same"}
    usual = Client().post(path, body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()) == (usual.status_code, usual.json())


def test_a_database_that_is_away_is_a_503(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(receive, "receive", fail)

    answer = send(port, b"{}")

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer["Retry-After"]


def test_an_error_that_nobody_foresaw_is_a_500(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(receive, "receive", fail)

    answer = send(port, b"{}")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


def test_plain_http_is_refused_without_a_redirect_where_https_is_demanded(port: int, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    make_source()

    answer = send(port, b"{}")

    assert (answer.status_code, answer.json()["code"]) == (403, "https_required")
    assert answer.headers["Location"] is None


def test_a_content_type_that_cannot_be_understood_is_a_400(port: int) -> None:
    answer = post(port, f"/webhooks/tradingview/{TOKEN}/", b"{}", "text/plain; charset*=nonsense'en'x")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_the_liveness_probe_needs_no_page_process_and_no_database(port: int) -> None:
    assert Probe(port, "GET", "/healthz").document == {"status": "ok"}


def test_without_a_page_process_everything_else_is_a_503(port: int) -> None:
    probe = Probe(port, "GET", "/admin/login/")

    assert (probe.status, probe.document["code"], probe.retry_after) == (503, "unavailable", "5")


def test_other_requests_are_answered_by_a_page_process(tmp_path: Path) -> None:
    pages = open_pages(tmp_path, SiteHandler())
    with open_door(pages) as port:
        refused = Probe(port, "GET", f"/webhooks/tradingview/{TOKEN}/")
        unknown = Probe(port, "POST", "/webhooks/elsewhere/")

    assert (refused.status, refused.document["code"]) == (405, "method_not_allowed")
    assert (unknown.status, unknown.document["code"]) == (404, "not_found")


def test_a_page_process_whose_threads_all_hang_does_not_come_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        begun.set()
        may_end.wait(60)
        start_response("200 OK", [])
        return []

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "pages"))
    listener.listen()
    pages = PageProcess(application, listener, 1)
    pages.start()
    with socket.socket(socket.AF_UNIX) as sender:
        sender.connect(str(tmp_path / "pages"))
        environ = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", KEEP_ALIVE: ""}
        sender.sendall(request_frame(environ, b""))
        begun.wait(60)

        assert pages.is_coming_on()
        monkeypatch.setattr(page_process, "STUCK_SECONDS", 0.0)
        assert not pages.is_coming_on()

        may_end.set()
        wait_until(pages.is_coming_on, what="the end of the request")


def test_a_request_whose_sender_has_left_is_not_begun(tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()
    asked = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        begun.set()
        may_end.wait(10)
        start_response("200 OK", [])
        return []

    address = open_pages(tmp_path, application)
    senders = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for number, sender in enumerate(senders):
        sender.connect(address)
        environ = {"PATH_INFO": f"/{number}", "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", KEEP_ALIVE: ""}
        sender.sendall(request_frame(environ, b""))
        begun.wait(10)
    senders[1].close()
    may_end.set()

    assert senders[2].recv(1000)
    assert asked == ["/0", "/2"]
    for sender in senders:
        sender.close()
