"""The webhook's short way through Django answers as the long one does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.test.client import RequestFactory

from orchestrator_site.web.handling import WebhookHandler
from signals_app.models import Signal
from signals_app.webhook import receive
from tests.factories import make_source
from tests.signals_app.webhook.webhook import TOKEN, alert

pytestmark = pytest.mark.django_db(transaction=True)


def post(body: bytes, *, token: str = TOKEN, **environ: str) -> tuple[str, dict[str, str], bytes]:
    """Send a body through the handler as a WSGI server does; return status, headers and body of the answer."""
    request = RequestFactory().post(f"/webhooks/tradingview/{token}/", body, content_type="application/json")
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        started.extend((status, dict(headers)))

    answer = b"".join(WebhookHandler()(request.environ | environ, start_response))
    status, headers = started
    return status, headers, answer


def test_an_alert_is_stored_and_answered() -> None:
    make_source()

    status, headers, answer = post(json.dumps(alert()).encode())

    assert (status, json.loads(answer)["status"]) == ("200 OK", "accepted")
    assert headers["X-Request-Id"]
    assert headers["Content-Length"] == str(len(answer))
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(("body", "token"), [(b"{}", TOKEN), (b"", TOKEN), (b"{}", "a-token-nobody-knows")])
def test_refusals_are_the_same_as_behind_all_middleware(body: bytes, token: str) -> None:
    make_source()

    status, _, answer = post(body, token=token, HTTP_X_REQUEST_ID="the-same")

    path, headers = f"/webhooks/tradingview/{token}/", {"X-Request-Id": "the-same"}
    usual = Client().post(path, body, content_type="application/json", headers=headers)
    assert (int(status[:3]), json.loads(answer)) == (usual.status_code, usual.json())


def test_a_database_that_is_away_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(receive, "receive_alert", fail)

    status, headers, answer = post(b"{}")

    assert (status[:3], json.loads(answer)["code"]) == ("503", "database_unavailable")
    assert headers["Retry-After"]


def test_plain_http_is_refused_without_a_redirect_where_https_is_demanded(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    make_source()

    status, headers, body = post(b"{}")

    assert (status[:3], json.loads(body)["code"]) == ("403", "https_required")
    assert "Location" not in headers
