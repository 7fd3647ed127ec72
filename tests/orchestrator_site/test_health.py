"""What probes and Prometheus are told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client

from experiments.models import DecisionTime
from experiments.services import discard_failed
from kernel.actors import Actor
from policies.services import engage_halt, set_engine_enabled
from tests.database import execute
from tests.factories import make_available, make_policy, make_signal
from tests.orchestrator_site.console.rows import fail

pytestmark = pytest.mark.django_db
NUMBERS_OF_ENGINES = {
    "orchestrator_exit_directives_pending",
    "orchestrator_exits_overdue",
    "orchestrator_guardrails_tripped",
    "orchestrator_incidents_open",
}


def heartbeat(seconds_ago: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO worker_heartbeats VALUES ('test', now() - make_interval(secs => %s))", (seconds_ago,)
        )


def test_healthz_needs_no_database(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz_says_ok_when_a_worker_has_shown_progress(client: Client) -> None:
    heartbeat(1)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "worker": "ok", "clock": "ok"}


def test_readyz_is_red_before_any_worker_has_run(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/readyz")
    assert caplog.records == []

    assert answer.status_code == 503
    assert "manage.py worker" in answer.json()["checks"]["worker"]


def test_readyz_is_red_when_the_worker_stands_still(client: Client) -> None:
    heartbeat(60)

    assert client.get("/readyz").json()["checks"]["worker"] == "no progress for 60 s"


def test_readyz_is_red_when_a_signal_waits_too_long(client: Client) -> None:
    heartbeat(1)
    make_signal()
    execute("UPDATE waiting_signals SET due_at = now() - interval '2 minutes'")

    assert client.get("/readyz").json()["checks"]["worker"] == "a signal has been waiting for 120 s"


@pytest.mark.parametrize(("hours", "said"), [(1, "3600 s ahead of"), (-1, "3600 s behind")])
def test_readyz_is_red_when_the_clock_is_not_the_databases(client: Client, hours: int, said: str) -> None:
    heartbeat(1)

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=False):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    # A slow answer moves it by a second or so.
    assert re.sub(r"3[56]\d\d s", "3600 s", answer.json()["checks"]["clock"]).startswith(said)


def test_metrics_tell_the_numbers_of_the_database(client: Client) -> None:
    make_available("A")
    make_signal()
    engage_halt(Actor("tests"), reason="A test.")

    lines = client.get("/metrics").content.decode().splitlines()

    assert "orchestrator_signals_waiting 1.0" in lines
    assert "orchestrator_halted 1.0" in lines
    assert "orchestrator_engine_a_heartbeat_age_seconds 0.0" in lines
    assert not any(line.startswith("orchestrator_engine_b_heartbeat") for line in lines)


def test_metrics_tell_failed_signals_that_wait_from_those_given_up(client: Client) -> None:
    given_up = [fail(make_signal()).pk for _ in range(2)]
    discard_failed(Actor("tests"), given_up, reason="Not ours.")
    fail(make_signal())

    lines = client.get("/metrics").content.decode().splitlines()

    assert "orchestrator_signals_failed 1.0" in lines
    assert "orchestrator_signals_discarded 2.0" in lines


def test_metrics_tell_how_long_decisions_took(client: Client) -> None:
    for up_to, decisions, seconds in ((0.05, 7, 0.21), (0.1, 2, 0.14), (inf, 1, 90.0)):
        DecisionTime.objects.create(
            up_to_seconds=up_to, decisions=decisions, seconds=seconds, counted_until=datetime.now(UTC)
        )

    lines = client.get("/metrics").content.decode().splitlines()

    assert [line for line in lines if line.startswith("orchestrator_decision_seconds")] == [
        'orchestrator_decision_seconds_bucket{le="0.05"} 7.0',
        'orchestrator_decision_seconds_bucket{le="0.1"} 9.0',
        'orchestrator_decision_seconds_bucket{le="+Inf"} 10.0',
        "orchestrator_decision_seconds_count 10.0",
        "orchestrator_decision_seconds_sum 90.35",
    ]


def test_metrics_tell_a_silent_engine_from_one_that_is_disabled(client: Client) -> None:
    make_policy(heartbeat_ttl_seconds=60)
    make_available("A", "B")
    execute("UPDATE engines SET last_heartbeat_at = now() - interval '61 seconds'")
    set_engine_enabled(Actor("tests"), "B", enabled=False, reason="Broken.")

    assert "orchestrator_engines_unavailable 1.0" in client.get("/metrics").content.decode().splitlines()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_read_only(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_an_unknown_address_below_the_api_is_a_problem_document(client: Client) -> None:
    answer = client.get("/api/v1/nothing")

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert answer.json()["request_id"] == answer["X-Request-Id"]


def test_a_sane_request_id_is_kept_and_a_strange_one_replaced(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "abc-1"})["X-Request-Id"] == "abc-1"
    assert client.get("/healthz", headers={"X-Request-Id": "a\tb"})["X-Request-Id"] != "a\tb"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_come_by_address_over_plain_http_even_in_production(client: Client, settings: Any, path: str) -> None:
    heartbeat(1)
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["desk.example"], True

    assert client.get(path, headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/admin/login/", headers={"host": "desk.example"}).status_code == 301


@pytest.mark.parametrize(
    ("address", "headers", "is_answered"),
    [
        ("127.0.0.1", {}, True), ("::1", {}, True), ("::ffff:127.0.0.1", {}, True), ("", {}, False),
        ("10.0.0.7", {}, False), ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, False), ("127.0.0.1", {"Via": "1.1 proxy"}, False),
    ],
)  # fmt: skip
def test_without_a_token_numbers_and_reasons_are_for_the_same_machine(
    client: Client, address: str, headers: dict[str, str], is_answered: bool
) -> None:
    """Nobody else has a reason to ask."""
    heartbeat(1)

    numbers, ready = (client.get(path, headers=headers, REMOTE_ADDR=address) for path in ("/metrics", "/readyz"))

    assert numbers.status_code == (200 if is_answered else 401)
    assert (ready.status_code, "checks" in ready.json()) == (200, is_answered)


def test_without_a_token_what_engines_do_with_their_trades_is_left_out_and_that_is_said(client: Client) -> None:
    """An engine on the same machine that sees what becomes of its rival's work knows its own role."""
    answer = client.get("/metrics")

    assert NUMBERS_OF_ENGINES & told(answer) == set()
    assert answer.content.decode().splitlines()[-1].startswith("# Set METRICS_TOKEN and scrape with it")


def told(answer: Any) -> set[str]:
    """The names of all that a scrape holds."""
    assert answer.status_code == 200
    return {line.split()[0] for line in answer.content.decode().splitlines() if not line.startswith("#")}


def test_with_a_token_numbers_and_reasons_are_for_whoever_has_it(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "a-token"

    for refused in (client.get("/metrics"), client.get("/metrics", headers={"Authorization": "Bearer another"})):
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert client.get("/readyz").json() == {"status": "not ready"}
    authorized = {"Authorization": "Bearer a-token"}
    assert told(client.get("/metrics", headers=authorized)) >= NUMBERS_OF_ENGINES
    assert "worker" in client.get("/readyz", headers=authorized).json()["checks"]


def test_metrics_are_unavailable_while_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("orchestrator_site.health.read_numbers", away)

    answer = client.get("/metrics")

    assert (answer.status_code, answer.content) == (503, b"The database is unavailable: connection refused")
