"""HTTP/1.1 is read strictly: what two readers could read in two ways is refused, and ends the connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from orchestrator_site.web.heads import RequestError, parse_head
from tests.signals_app.webhook.door import open_door

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def sender(django_db_setup: None) -> Iterator[socket.socket]:
    """A connection to an alert process."""
    with open_door() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
        yield sender


def read_to_end(sender: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    data = b""
    while part := sender.recv(65536):
        data += part
    return data


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/2.0\r\nHost: a",
        b"GET  / HTTP/1.1\r\nHost: a",
        b"get / HTTP/1.1\r\nHost: a",
        b"GET nowhere HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1",
        b"GET / HTTP/0.9\r\nHost: a",
        b"GET / RTSP/1.0\r\nHost: a",
        b"\r\nGET / HTTP/1.1\r\nHost: a",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b",
        b"GET / HTTP/1.1\r\nHost : a",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b",
        b"GET / HTTP/1.1\r\nHost: a\r\nno header",
        b"GET / HTTP/1.1\r\nHost: a\r\n: no name",
    ],
)
def test_a_head_that_is_none_is_refused(head: bytes) -> None:
    with pytest.raises(RequestError):
        parse_head(head)


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5,5",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 0x10",
        b"Content-Length: \xb2",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_length_that_could_be_read_in_two_ways_is_refused(headers: bytes) -> None:
    with pytest.raises(RequestError):
        parse_head(b"POST / HTTP/1.1\r\nHost: a\r\n" + headers)


def test_chunks_are_not_of_http_1_0() -> None:
    with pytest.raises(RequestError):
        parse_head(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked")


def test_a_head_becomes_an_environ() -> None:
    environ = parse_head(
        b"POST http://elsewhere:80/a%20b?c=d HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-one: 2\r\nX_One: 3\r\nContent-Type: t"
    )

    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a b", "c=d")
    assert (environ["HTTP_X_ONE"], environ["CONTENT_TYPE"]) == ("1,2", "t")


def test_an_offer_to_change_the_protocol_is_answered_in_this_one() -> None:
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5"

    assert parse_head(head)["CONTENT_LENGTH"] == "5"


def test_requests_sent_ahead_are_answered_in_turn(sender: socket.socket) -> None:
    last = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    sender.sendall(HEALTH * 3000 + last)

    assert read_to_end(sender).count(b"HTTP/1.1 200 OK") == 3001


def test_a_head_is_read_as_it_trickles_in(sender: socket.socket) -> None:
    for number in range(len(HEALTH)):
        sender.sendall(HEALTH[number : number + 1])

    assert sender.recv(4096).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000,
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"x" * 40_000,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 40_000,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_request_that_cannot_be_read_is_answered_and_ends_the_connection(
    sender: socket.socket, request_: bytes
) -> None:
    sender.sendall(request_ + HEALTH)
    sender.shutdown(socket.SHUT_WR)

    head, _, body = read_to_end(sender).partition(b"\r\n\r\n")

    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    assert json.loads(body)["code"] in {"invalid", "too_large"}


def test_a_sender_that_waits_for_leave_gets_it(sender: socket.socket) -> None:
    head = (
        b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    sender.sendall(head)
    assert sender.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"

    sender.sendall(b"{}")

    assert read_to_end(sender).startswith(b"HTTP/1.1 503")


def test_a_head_request_gets_no_body(sender: socket.socket) -> None:
    sender.sendall(HEALTH.replace(b"GET", b"HEAD").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    head, _, body = read_to_end(sender).partition(b"\r\n\r\n")

    assert b"Content-Length: 16" in head
    assert body == b""
