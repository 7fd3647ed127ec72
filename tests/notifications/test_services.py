"""What Slack, Teams and PagerDuty are sent: by apprise itself over TLS, to a proxy that stands in for their hosts."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from notifications.models import Event, Notification
from notifications.sending import SendingError, send_message

SECRET = "sIgnatureOfThirtyTwoCharacters12"
SLACK = ("hooks.slack.com", f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET[:24]}")
TEAMS = ("prod-1.logic.azure.com", f"workflow://prod-1.logic.azure.com:443/643e4c0b5f1d4e4b/{SECRET}")
PAGERDUTY = ("events.pagerduty.com", f"pagerduty://{SECRET}@{SECRET}")
# Links of HTML, Slack and Teams, and everybody of a channel.
TEXT = 'Halted: <a href="https://evil.test">x</a> <!channel> <https://evil.test|x> [x](https://evil.test)'


class Services:
    """All hosts behind one proxy: what they were posted, and what they answer."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.status = 200
        self.taken: list[tuple[str, Any]] = []
        services = self
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(certificate, key)

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.connection = trust.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
                self.handle_one_request()

            def finish(self) -> None:
                super().finish()
                self.connection.close()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                services.taken.append((self.headers["Host"].partition(":")[0], body))
                self.send_response(services.status)
                self.end_headers()
                self.wfile.write(b"ok")
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    certificate, key = tmp_path / "services.pem", tmp_path / "services.key"
    names = ",".join(f"DNS:{host}" for host, _ in (SLACK, TEAMS, PAGERDUTY))
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=services"
    files = ("-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(certificate))
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    services = Services(certificate, key)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{services.server.server_port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    thread = threading.Thread(target=services.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield services
    services.server.shutdown()
    services.server.server_close()
    thread.join()


def told(*, urgent: bool = True) -> Notification:
    return Notification(pk=UUID(int=7), event=Event(kind="halt", urgent=urgent, text=TEXT, happened_at=timezone.now()))


def test_slack_shows_no_link_and_calls_nobody(services: Services) -> None:
    send_message(SLACK[1], [told()])

    ((host, message),) = services.taken
    (shown,) = message["attachments"]
    assert (host, shown["title"], shown["footer"]) == (SLACK[0], "Trading halted", "Trading Orchestrator")
    assert "&lt;!channel&gt; &lt;https://evil.test|x&gt;" in shown["text"]
    assert "<" not in shown["text"]
    assert message["mrkdwn"] is False


def test_teams_shows_a_card_without_a_link_or_a_picture(services: Services) -> None:
    send_message(TEAMS[1], [told()])

    ((host, message),) = services.taken
    card = message["attachments"][0]["content"]["body"]
    assert (host, [part["type"] for part in card]) == (TEAMS[0], ["TextBlock", "TextBlock"])
    assert card[0]["text"] == "Trading halted"
    assert "[x](" not in card[1]["text"]


def test_pagerduty_opens_one_incident_however_often_it_is_sent(services: Services) -> None:
    for urgent in (True, True, False):
        send_message(PAGERDUTY[1], [told(urgent=urgent)])

    messages = [message for _, message in services.taken]
    assert {host for host, _ in services.taken} == {PAGERDUTY[0]}
    assert [message["payload"]["severity"] for message in messages] == ["critical", "critical", "info"]
    assert {message["dedup_key"] for message in messages} == {f"orchestrator-{UUID(int=7)}"}
    assert messages[0]["payload"]["summary"].startswith("Trading halted")
    assert "images" not in messages[0]


@pytest.mark.parametrize("url", [SLACK[1], TEAMS[1], PAGERDUTY[1]])
@pytest.mark.parametrize("status", [403, 500])
def test_what_is_not_taken_is_said_without_the_secret(services: Services, url: str, status: int) -> None:
    services.status = status

    with pytest.raises(SendingError, match=f"error={status}") as refused:
        send_message(url, [told()])

    assert len(services.taken) == 1
    assert SECRET[:24] not in str(refused.value)
