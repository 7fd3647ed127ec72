"""The real web server: slow, broken and huge requests hold no thread, and nothing can take the webhook's."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from pytest_django.plugin import DjangoDbBlocker

from policies.services import create_api_key
from signals_app.models import Signal, UnknownTokenAttempt, WebhookDelivery
from tests.api_answers import answered
from tests.factories import make_experiment, make_source
from tests.policies.control import ADA, make_draft
from tests.processes.harness import application_url, free_port, http_status, wait_until
from tests.processes.patience import PATIENT
from tests.signals_app.webhook.webhook import TOKEN, alert

pytestmark = pytest.mark.django_db(transaction=True)
CLAIM, HEARTBEAT = "/api/v1/assignments/claim", "/api/v1/heartbeat"
WEBHOOK = f"/webhooks/tradingview/{TOKEN}/"
# One thread for everything but alerts.
THREADS = {"WEB_THREADS": "1", "LONG_POLLS": "1", "LOG_LEVEL": "WARNING"}
# With the METRICS_TOKEN "a-token".
SCRAPE = {"Authorization": "Bearer a-token"}


@contextmanager
def serving(log: Path, processes: int = 1, **environment: str) -> Iterator[int]:
    """Run a web server on the test database, with so many page processes; its port."""
    port = free_port()
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "orchestrator_site.web.server", "--port", str(port), f"--processes={processes}"],
            cwd=settings.BASE_DIR,
            env={**os.environ, **THREADS, **PATIENT, "DATABASE_URL": application_url(), **environment},
            stdout=output,
            stderr=output,
        )
        try:
            # Of both kinds of process: the alert process answers /healthz long before a page process is up.
            wait_until(lambda: http_status(f"http://127.0.0.1:{port}/readyz") in {200, 503}, what="the web server")
            yield port
        finally:
            server.terminate()
            server.wait(15)


@pytest.fixture(scope="module")
def port(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """One server for all tests: what they ask of it leaves nothing behind in it but counts."""
    with django_db_blocker.unblock(), serving(tmp_path_factory.mktemp("web") / "log") as port:
        yield port


def post(port: int, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send a POST and return status and document of the answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        client.close()


def begin(port: int, path: str, announced: int, beginning: bytes) -> socket.socket:
    """Announce a body and send only its beginning."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {announced}\r\n\r\n"
    connection.sendall(head.encode() + beginning)
    return connection


def sent_alert(number: int = 0) -> bytes:
    return json.dumps(alert(symbol=f"S{number}")).encode()


@pytest.mark.parametrize("path", [WEBHOOK, "/webhooks/tradingview/a-token-nobody-knows/", HEARTBEAT])
def test_senders_who_trickle_their_bodies_hold_up_nobody(port: int, path: str) -> None:
    make_source()
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(begin(port, path, 1000, b'{"a":'))

        statuses = [post(port, WEBHOOK, sent_alert(number))[0] for number in range(5)]

        assert statuses == [200] * 5
        assert http_status(f"http://127.0.0.1:{port}/readyz") in {200, 503}
    if path != HEARTBEAT:
        # An alert that was cut short is kept, or counted: not while the tables are emptied for the next test.
        wait_until(lambda: len(kept()) + strangers() == 65, what="the alerts that were cut short")


def test_a_body_that_does_not_come_is_answered_408(port: int) -> None:
    make_source()
    with ExitStack() as stack:
        waiting = [stack.enter_context(begin(port, path, 1000, b'{"a":')) for path in (WEBHOOK, HEARTBEAT)]
        answers = [connection.recv(4096) for connection in waiting]

    for answer, path in zip(answers, (WEBHOOK, HEARTBEAT), strict=True):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        assert json.loads(body)["code"] == "body_too_slow"
        answered("POST", path, b"", 408, body)
    assert kept() == [("rejected", "body_too_slow", b'{"a":')]


def strangers() -> int:
    """How many requests had a token that no source has."""
    attempts: int = UnknownTokenAttempt.objects.aggregate(sum=Sum("attempts", default=0))["sum"]
    return attempts


def kept() -> list[tuple[str, str, bytes]]:
    """Outcome, code and body of what came to the webhook."""
    return [(one.outcome, one.code, bytes(one.body)) for one in WebhookDelivery.objects.all()]


def test_a_sender_who_closes_his_side_too_early_is_told_so(port: int) -> None:
    make_source()
    for path in (WEBHOOK, HEARTBEAT):
        with begin(port, path, 1000, b'{"a":') as connection:
            connection.shutdown(socket.SHUT_WR)

            head, _, body = connection.recv(4096).partition(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 400")
        assert json.loads(body)["code"] == "body_incomplete"
        answered("POST", path, b"", 400, body)
    assert kept() == [("rejected", "body_incomplete", b'{"a":')]


def test_a_sender_who_hangs_up_in_the_middle_has_sent_no_alert(port: int) -> None:
    make_source()
    begin(port, WEBHOOK, 1000, sent_alert()).close()
    begin(port, "/webhooks/tradingview/a-token-nobody-knows/", 1000, sent_alert()).close()

    assert post(port, WEBHOOK, sent_alert(1))[0] == 200

    wait_until(lambda: len(kept()) == 2, what="both deliveries")
    assert {(outcome, code) for outcome, code, _ in kept()} == {("accepted", ""), ("rejected", "body_incomplete")}
    assert Signal.objects.count() == 1


@pytest.mark.parametrize("size", [70_000, 5_000_000, 40_000_000])
def test_the_answer_to_a_body_that_is_too_large_can_be_read(port: int, size: int) -> None:
    make_source()

    status, document = post(port, WEBHOOK, b"x" * size)

    assert (status, document["code"]) == (413, "too_large")
    assert f"{size} bytes" in document["detail"]


def test_a_body_in_chunks_is_read_to_its_end(port: int) -> None:
    make_source()
    body = sent_alert()
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:]))
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + parts + b"0\r\n\r\n")

        answer = connection.recv(4096)

    assert b'"accepted"' in answer


def test_requests_that_wait_take_no_thread_of_the_webhook(port: int) -> None:
    make_source()
    claim = json.dumps({"limit": 1, "lease_seconds": 30, "wait_seconds": 25}).encode()
    _, text = create_api_key(ADA, owner="engine-a", name="waits")
    key = {"Authorization": f"Api-Key {text}"}
    waits = threading.Thread(target=post, args=(port, CLAIM, claim), kwargs=key)
    waits.start()

    statuses = [post(port, WEBHOOK, sent_alert(number))[0] for number in range(5)]

    assert statuses == [200] * 5
    assert http_status(f"http://127.0.0.1:{port}/healthz") == 200
    assert waits.is_alive()
    # What it waits for.
    make_experiment("A")
    waits.join()


def test_a_header_spelt_with_an_underscore_does_not_pass_for_another(port: int) -> None:
    make_source()

    post(port, WEBHOOK, sent_alert(), X_Request_Id="spelt-otherwise")
    status, document = post(port, WEBHOOK, b"{}", **{"X-Request-Id": "told", "X_Request_Id": "spelt-otherwise"})

    assert (status, document["request_id"]) == (400, "told")


def test_an_answer_that_is_streamed_comes_to_its_end(port: int) -> None:
    make_experiment("A")
    draft = make_draft(configured_mode="SHADOW_ONLY")
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    client.request("GET", reverse("admin:draft_preview_run", args=(draft.pk,)), headers={"Cookie": session_of("ada")})
    answer = client.getresponse()
    lines = [json.loads(line) for line in answer.read().splitlines()]
    client.close()

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert "html" in lines[-1]


def session_of(name: str) -> str:
    """Return the cookie of an administrator who has logged in."""
    person = Client()
    person.force_login(get_user_model().objects.create_superuser(name))
    return f"sessionid={person.cookies['sessionid'].value}"


def test_what_all_alert_processes_have_counted_and_timed_is_among_the_metrics(tmp_path: Path) -> None:
    make_source()
    with serving(tmp_path / "log", METRICS_TOKEN="a-token") as port:
        # Each has a connection of its own, which either alert process may take.
        alerts = 20
        for number in range(alerts):
            post(port, WEBHOOK, sent_alert(number))
        post(port, WEBHOOK, b"{}")
        for method, path in (("GET", f"trades/{uuid4()}"), ("PUT", "schema"), ("GET", "nothing")):
            ask(port, method, f"/api/v1/{path}")

        lines = ask(port, "GET", "/metrics", **SCRAPE).decode().splitlines()

    counts = dict(line.split() for line in lines if line.startswith("orchestrator_") and "_total" in line)
    assert counts["orchestrator_alerts_stored_total"] == f"{alerts + 1}.0"
    assert 1 <= float(counts["orchestrator_alert_batches_total"]) <= alerts + 1
    assert counts["orchestrator_log_lines_dropped_total"] == "0.0"
    assert [line for line in lines if line.startswith("orchestrator_webhook_seconds_count")] == [
        f'orchestrator_webhook_seconds_count{{status="200"}} {alerts}.0',
        'orchestrator_webhook_seconds_count{status="400"} 1.0',
    ]
    # Neither what is no call nor a page has a route of its own: anybody could make up as many as he likes.
    assert {line for line in lines if line.startswith("orchestrator_api_call_seconds_count")} == {
        'orchestrator_api_call_seconds_count{method="GET",route="trades/{trade_id}",status="401"} 1.0',
        'orchestrator_api_call_seconds_count{method="ANY",route="schema",status="405"} 1.0',
    }


def test_without_a_token_no_call_is_among_the_metrics(port: int) -> None:
    """An engine on this machine that sees its rival's permits confirmed knows who trades for real."""
    make_source()
    assert post(port, WEBHOOK, sent_alert())[0] == 200
    ask(port, "GET", f"/api/v1/trades/{uuid4()}")

    text = ask(port, "GET", "/metrics").decode()

    assert "orchestrator_webhook_seconds" in text
    assert "orchestrator_api_call_seconds" not in text


def ask(port: int, method: str, path: str, **headers: str) -> bytes:
    """Send a request without a body and return the body of the answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request(method, path, headers=headers)
        return client.getresponse().read()
    finally:
        client.close()
