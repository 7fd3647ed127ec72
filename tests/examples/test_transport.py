"""How the client meets trouble: errors, repeats, time-outs."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orchestrator_client import OrchestratorClient, OrchestratorError
from orchestrator_client.transport import LONGEST_PAUSE_SECONDS, Transport, pause_seconds

from tests.examples.peer import DROP, peer

PROBLEM = {
    "status": 409,
    "code": "conflict",
    "detail": "Another body came first.",
    "errors": [{"pointer": "/fees", "code": "invalid", "detail": "Negative."}],
    "request_id": "r-1",
}
BUSY = {"status": 503, "code": "database_unavailable", "detail": "Try again.", "errors": [], "request_id": ""}


def make_client(url: str, pauses: list[float] | None = None, **options: float) -> OrchestratorClient:
    waited = pauses if pauses is not None else []
    return OrchestratorClient(url, "the-key", sleep=waited.append, **options)  # type: ignore[arg-type]


def test_a_problem_document_becomes_an_error_with_all_it_says() -> None:
    with peer((409, PROBLEM)) as server, make_client(server.url) as client, pytest.raises(OrchestratorError) as caught:
        client.trade("t")

    error = caught.value
    assert (error.status, error.code, error.detail) == (409, "conflict", "Another body came first.")
    assert (error.errors, error.request_id) == (PROBLEM["errors"], "r-1")
    assert str(error) == "409 conflict: Another body came first. (request r-1)"


def test_a_refusal_is_not_repeated() -> None:
    with peer((409, PROBLEM)) as server, make_client(server.url) as client:
        with pytest.raises(OrchestratorError):
            client.trade("t")

        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_with_the_same_body(status: int) -> None:
    pauses: list[float] = []
    with peer((status, BUSY), (status, BUSY), (200, {"ok": 1})) as server, make_client(server.url, pauses) as client:
        client.heartbeat(engine_version="1", rules_hash="f" * 64)

        bodies = [content for _, _, content, _ in server.requests]
        assert len(bodies) == 3
        assert len(set(bodies)) == 1
    assert pauses == [pause_seconds("/api/v1/heartbeat", 1), pause_seconds("/api/v1/heartbeat", 2)]


def test_a_dropped_connection_is_opened_again() -> None:
    with peer((DROP, None), (200, {"exit_directives": []})) as server, make_client(server.url) as client:
        assert client.exit_directives() == []
        assert len(server.connections) == 2


def test_one_connection_serves_many_calls() -> None:
    with peer((200, {"exit_directives": []})) as server, make_client(server.url) as client:
        for _ in range(3):
            client.exit_directives()

        assert len(server.requests) == 3
        assert len(server.connections) == 1


def test_it_gives_up_after_the_last_attempt() -> None:
    pauses: list[float] = []
    with peer((503, BUSY)) as server, make_client(server.url, pauses, attempts=4) as client:
        with pytest.raises(OrchestratorError, match="database_unavailable"):
            client.exit_directives()

        assert len(server.requests) == 4
    assert len(pauses) == 3


def test_nobody_there_is_an_error_without_a_status() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(OrchestratorError) as caught:
            make_client(url, attempts=2).exit_directives()

    assert (caught.value.status, caught.value.code) == (0, "unreachable")


def test_a_silent_server_is_left_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = make_client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05, attempts=1)
        with pytest.raises(OrchestratorError, match="timed out"):
            client.exit_directives()


def test_the_pause_that_the_server_asks_for_is_kept_up_to_the_limit() -> None:
    pauses: list[float] = []
    first, second = (429, BUSY, {"Retry-After": "3"}), (429, BUSY, {"Retry-After": "9999"})
    with peer(first, second, (200, {"exit_directives": []})) as server, make_client(server.url, pauses) as client:
        client.exit_directives()

    assert pauses == [3, LONGEST_PAUSE_SECONDS]


@given(st.text(max_size=20), st.integers(1, 1000))
def test_pauses_are_the_same_every_time_and_never_too_long(path: str, attempt: int) -> None:
    assert pause_seconds(path, attempt) == pause_seconds(path, attempt)
    assert 0.1 <= pause_seconds(path, attempt) <= LONGEST_PAUSE_SECONDS


def test_pauses_grow_and_differ_between_calls() -> None:
    pauses = [pause_seconds("/a", attempt) for attempt in (1, 3, 5)]

    assert pauses == sorted(pauses)
    assert pause_seconds("/a", 1) != pause_seconds("/b", 1)


def test_prices_times_and_ids_are_sent_as_the_api_writes_them() -> None:
    tokyo = timezone(timedelta(hours=9))
    body = {
        "a": Decimal("1.390"),
        "b": datetime(2026, 3, 16, 23, 30, tzinfo=tokyo),
        "c": UUID(int=1),
        "d": Decimal("1E2"),
    }
    with peer((200, {})) as server:
        transport = Transport(server.url, "k", timeout=5, attempts=1)
        transport.call("POST", "/x", body)
        transport.close()

        sent = json.loads(server.requests[0][2])
    assert sent["a"] == "1.390"
    assert sent["b"] == "2026-03-16T14:30:00.000000Z"
    assert sent["c"] == str(UUID(int=1))
    assert sent["d"] == "100"


@pytest.mark.parametrize("value", [datetime(2026, 3, 16), object(), float("nan")])  # noqa: DTZ001 (that is the point)
def test_what_the_api_could_misread_is_not_sent(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        Transport("http://127.0.0.1:1", "k", timeout=1, attempts=1).call("POST", "/x", {"value": value})


def test_the_key_goes_into_the_header_and_the_site_may_live_below_a_path() -> None:
    with peer((200, {"exit_directives": []})) as server, make_client(f"{server.url}/desk/") as client:
        client.exit_directives()

        method, path, _, authorization = server.requests[0]
    assert (method, path, authorization) == ("GET", "/desk/api/v1/exit-directives", "Api-Key the-key")


def test_filters_become_a_query() -> None:
    with peer((200, {})) as server, make_client(server.url) as client:
        client.performance(symbol="BRK/B", since=datetime(2026, 1, 1, tzinfo=UTC).date())

        assert server.requests[0][1] == "/api/v1/performance?symbol=BRK%2FB&since=2026-01-01"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "", "http://"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is not a URL"):
        OrchestratorClient(url, "k")


@pytest.mark.parametrize("body", ["<html>", None, [1]])
def test_an_error_without_a_problem_document_is_an_error_all_the_same(body: object) -> None:
    with peer((500, body)) as server, make_client(server.url) as client, pytest.raises(OrchestratorError) as caught:
        client.exit_directives()

    assert (caught.value.status, caught.value.code) == (500, "not_a_problem_document")
