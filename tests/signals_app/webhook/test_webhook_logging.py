"""What the webhook logs, and that no token is ever in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from orchestrator_site.log_format import without_webhook_tokens
from signals_app.models import Signal
from signals_app.webhook import store
from tests.factories import make_source
from tests.processes.harness import wait_until
from tests.signals_app.webhook.webhook import TOKEN, alert, send

pytestmark = pytest.mark.django_db


class Lines(logging.Handler):
    """Keeps every line as the console handler would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.getLogger().handlers[0].formatter)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage() if record.name == "orchestrator.lines" else self.format(record)
        self.lines += text.splitlines()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events with this name, without what every line has."""
        common = {"level", "logger", "at", "request_id", "event"}
        found = [event for event in map(json.loads, self.lines) if event["event"] == name]
        return [{key: value for key, value in event.items() if key not in common} for event in found]


@pytest.fixture
def log() -> Iterator[Lines]:
    handler = Lines()
    for name in ("", "orchestrator.lines"):
        logging.getLogger(name).addHandler(handler)
    yield handler
    for name in ("", "orchestrator.lines"):
        logging.getLogger(name).removeHandler(handler)


def test_every_understood_alert_is_logged_with_its_outcome(log: Lines) -> None:
    make_source()
    body = alert()

    for sent in (body, body, body | {"close": 1}, alert(action="close")):
        send(sent)

    wait_until(lambda: len(log.lines) >= 4, what="the lines of this turn of the loop")
    signal_id = str(Signal.objects.get().signal_id)
    stored = {"signal_id": signal_id, "symbol": "SPY", "direction": "LONG", "source": "tv"}
    recorded = {"signal_id": None, "symbol": "SPY", "direction": None, "source": "tv"}
    assert log.events("signal.received") == [
        stored | {"outcome": "accepted"},
        stored | {"outcome": "duplicate"},
        stored | {"outcome": "conflict"},
        recorded | {"outcome": "recorded", "reason": "exit"},
    ]


def test_every_refused_request_is_logged_with_its_code(log: Lines) -> None:
    make_source()

    send(b"{}")
    send(token="somebody-elses-token")

    wait_until(lambda: len(log.lines) >= 2, what="the lines of this turn of the loop")
    first, second = log.events("signal.rejected")
    assert (first["code"], first["source"]) == ("symbol_missing", "tv")
    assert (second["code"], second["source"]) == ("unauthorized", None)


def test_no_secret_of_an_alert_is_logged(log: Lines) -> None:
    make_source()

    send(alert(secret="hunter2-hunter2", direction="hunter2-hunter2"))
    send(b'{"secret": "hunter2-hunter2", oops}')

    wait_until(lambda: len(log.lines) == 2, what="the lines of this turn of the loop")
    assert "hunter2" not in "".join(log.lines)


@pytest.mark.usefixtures("in_a_thread")
def test_the_token_is_in_no_line_whatever_the_answer(log: Lines) -> None:
    make_source()
    client = Client(raise_request_exception=False)

    answers = [
        send(),
        send(b"{"),
        send(b"x" * 70_000),
        send(token=f"{TOKEN}-wrong"),
        send(token=f"{TOKEN}/unknown/address"),
        client.get(f"/webhooks/tradingview/{TOKEN}/"),
        send(HTTP_HOST="not.an.allowed.host"),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 413, 401, 404, 405, 400]
    assert log.events("signal.received")
    assert any("not.an.allowed.host" in line for line in log.lines)
    assert TOKEN not in "".join(log.lines)
    assert all(TOKEN.encode() not in answer.content for answer in answers)


def test_the_token_is_in_no_line_of_an_unforeseen_error(log: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    make_source()
    monkeypatch.setattr(store, "STORE_ALERTS", "SELECT broken")

    answer = send()

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert any("Traceback" in line for line in log.lines)
    assert TOKEN not in "".join(log.lines)
    assert TOKEN not in answer.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/Webhooks/tradingview/{}/", "/webhook/{}", "/webhook/tradingview/{}/", "/WEBHOOKS/TradingView/{}", "/{}",
        "/{}/more", "/api/v1/{}/", "/admin/{}/?a=1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", ["testserver", "foreign.example"])
def test_a_wrong_path_never_writes_the_token(log: Lines, path: str, host: str) -> None:
    Client(raise_request_exception=False).post(path.format(TOKEN), "{}", content_type="text/plain", HTTP_HOST=host)

    assert TOKEN not in "".join(log.lines)


@pytest.mark.parametrize("said", ["Not Found: {}", "Bad Request: {}", "<WSGIRequest: POST '{}'>"])
def test_what_django_says_of_a_wrong_path_is_masked_but_for_ids_and_short_parts(said: str) -> None:
    identity = "0b1c2d3e-0000-4000-8000-000000000001"

    for path, masked in (
        (f"/{TOKEN}", "/***"),
        (f"/nowhere/{TOKEN}/{identity}/x", f"/nowhere/***/{identity}/x"),
        (f"/{identity}{TOKEN}", "/***"),
        ("/exactly15chars1/exactly16chars12", "/exactly15chars1/***"),
        (f"/Webhook/{TOKEN}", "/Webhook/***"),
    ):
        assert without_webhook_tokens(None, "", said.format(path)) == said.format(masked)
