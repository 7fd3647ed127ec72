"""A connection under senders that read slowly, leave early, say nothing, or send more than their share."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, cast

import pytest

from kernel.errors import DomainError
from orchestrator_site.web import http1
from orchestrator_site.web.door import PageCall
from orchestrator_site.web.heads import Environ
from orchestrator_site.web.http1 import Connection, patrol
from orchestrator_site.web.intake import PART

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"


class Wire:
    """A transport whose other end is the test."""

    def __init__(self, peer: tuple[str, int] | None = ("192.0.2.1", 4000)) -> None:
        self.peer = peer
        self.written = b""
        self.unsent = 0
        self.is_read, self.state = True, "open"

    def get_extra_info(self, name: str) -> Any:
        return self.peer if name == "peername" else ("192.0.2.2", 80)

    def write(self, data: bytes) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.state = "half closed"

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "aborted"

    def is_closing(self) -> bool:
        return self.state in {"closed", "aborted"}


class Site:
    """Notes what it is asked, and answers when the test says so."""

    def __init__(self) -> None:
        self.connections: dict[Connection, None] = {}
        self.most_connections = 100
        self.held_bytes = 0
        self.is_draining = False
        self.asked: list[str] = []
        self.bodies: list[bytes] = []

    def kept_bytes(self, environ: Environ) -> int:
        return 1000

    def serve(
        self, environ: Environ, body: bytes, connection: Connection, cut_short: DomainError | None = None
    ) -> None:
        self.asked.append(environ["PATH_INFO"] if cut_short is None else cut_short.code)
        self.bodies.append(body)


@pytest.fixture
def site() -> Site:
    return Site()


def connect(site: Site, wire: Wire) -> Connection:
    connection = Connection(site)
    connection.connection_made(cast("Any", wire))
    return connection


def look_later(site: Site, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the patrol pass after so many seconds."""

    class Loop:
        def call_later(self, *_: object) -> None: ...

    later = monotonic() + seconds
    with monkeypatch.context() as patch:
        patch.setattr(http1, "monotonic", lambda: later)
        patch.setattr(asyncio, "get_running_loop", Loop)
        patrol(site)


def test_a_sender_who_does_not_read_his_answers_is_asked_nothing_more(site: Site) -> None:
    connection = connect(site, wire := Wire())
    connection.pause_writing()

    connection.data_received(GET % 1 + GET % 2 + b"x" * http1.AHEAD_BYTES)
    assert (site.asked, wire.is_read) == ([], False)

    connection.resume_writing()
    assert (site.asked, wire.is_read) == (["/1"], True)


def test_a_connection_does_not_leave_before_its_sender_has_all_of_his_answers(site: Site) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received(GET % 1)
    assert not connection.can_leave()
    connection.finish()
    assert connection.can_leave()

    wire.unsent = 1

    assert not connection.can_leave()


def test_a_half_closed_sender_gets_every_answer_he_has_asked_for(site: Site) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received(GET % 1 + GET % 2 + b"GET /3")

    assert connection.eof_received()
    for _ in range(2):
        connection.answer(200, [], b"")

    assert site.asked == ["/1", "/2"]
    assert (wire.written.count(b"HTTP/1.1 200"), wire.state) == (2, "closed")


@pytest.mark.parametrize("next_", [GET % 2, b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"nonsense"])
def test_a_body_in_chunks_is_put_together_and_nothing_may_follow_it(site: Site, next_: bytes) -> None:
    connection = connect(site, wire := Wire())
    head = b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    for part in (head + b"3\r\nab", b"c\r\n", b"2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n" + next_):
        connection.data_received(part)
    connection.answer(200, [], b"")

    assert (site.asked, site.bodies) == (["/1"], [b"abcde"])
    assert (b"Connection: close" in wire.written, wire.state) == (True, "half closed")


def test_of_a_body_in_chunks_no_more_is_kept_than_anybody_reads(site: Site) -> None:
    connection = connect(site, Wire())

    connection.data_received(b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.data_received(b"fff\r\n" + b"x" * 2000)

    assert (site.asked, len(site.bodies[0]), site.held_bytes) == (["/1"], 1000, 1000)


@pytest.mark.parametrize("code", ["body_incomplete", "body_too_slow"])
def test_a_body_that_is_cut_short_is_handed_on_as_such(code: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received(POST + b"x" * 99)

    if code == "body_incomplete":
        assert connection.eof_received()
    else:
        look_later(site, http1.BODY_SECONDS + 1, monkeypatch)
    connection.data_received(b"x" + GET % 2)
    connection.answer(400, [], b"")

    assert (site.asked, site.bodies) == ([code], [b"x" * 99])
    assert (b"Connection: close" in wire.written, wire.state) == (True, "half closed")


def test_a_head_that_never_comes_to_its_end_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(site, wire := Wire())
    for part in (b"GET / HT", b"TP/1.1\r\n", b"X: y\r\n"):
        connection.data_received(part)

    look_later(site, http1.BODY_SECONDS + 1, monkeypatch)

    assert wire.state == "closed"


@pytest.mark.parametrize(("unsent", "state"), [((9, 6, 3), "closed"), ((9, 9, 9), "aborted")])
def test_a_slow_reader_is_waited_for_and_one_who_has_left_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch, unsent: tuple[int, ...], state: str
) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received((GET % 1).replace(b"1.1", b"1.0"))
    connection.answer(200, [], b"a long page")

    for number, left in enumerate(unsent, start=1):
        wire.unsent = left
        look_later(site, number * (http1.STALL_SECONDS + 1), monkeypatch)

    assert wire.state == state


def test_the_oldest_silent_connection_makes_room(site: Site) -> None:
    site.most_connections = 2
    wires = [Wire(), Wire(), Wire()]
    connect(site, wires[0]).data_received(GET % 1)

    for wire in wires[1:]:
        connect(site, wire)

    assert [wire.state for wire in wires] == ["open", "aborted", "open"]


def test_a_sender_who_has_left_before_he_is_taken_is_forgotten(site: Site) -> None:
    connect(site, wire := Wire(None))

    assert (wire.state, site.connections) == ("aborted", {})


def test_all_unfinished_bodies_together_have_a_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "HELD_BYTES", 150)
    first, second = connect(site, Wire()), connect(site, wire := Wire())
    first.data_received(POST + b"x" * 99)

    second.data_received(POST + b"x" * 99)

    assert wire.written.startswith(b"HTTP/1.1 503")
    assert b"Retry-After" in wire.written
    first.connection_lost(None)
    assert site.held_bytes == 0


@pytest.fixture
def told() -> list[str]:
    """What calls of the API came to."""
    return []


def test_a_part_of_a_page_is_passed_on_as_it_comes(site: Site, told: list[str]) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received(GET % 1)
    call = PageCall(b"the request", connection, told.append)
    call.connection_made(cast("Any", page := Wire()))

    label = PART.pack(20) + b"GET 200 performance/"
    parts = PART.pack(6) + b"abcdef"
    for data in (label[:9], label[9:] + parts[:2], parts[2:7], parts[7:] + parts, PART.pack(0)[:1], PART.pack(0)[1:]):
        call.data_received(data)

    assert (page.written, wire.written, told) == (b"the request", b"abcdefabcdef", ["GET 200 performance/"])
    assert (page.state, wire.state, connection.is_idle) == ("closed", "open", True)


def test_a_page_process_that_dies_within_an_answer_breaks_it_off(site: Site, told: list[str]) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received(GET % 1)
    call = PageCall(b"", connection, told.append)
    call.connection_made(cast("Any", Wire()))
    call.data_received(PART.pack(0) + PART.pack(6) + b"abc")

    call.connection_lost(None)

    assert (wire.written, wire.state, told) == (b"abc", "aborted", ["ANY 503 unanswered"])


def test_a_call_whose_sender_has_left_does_not_count_as_unanswered(site: Site, told: list[str]) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received(GET % 1)
    call = PageCall(b"", connection, told.append)
    call.connection_made(cast("Any", Wire()))
    wire.close()

    call.connection_lost(None)

    assert told == []


def test_a_request_that_has_been_given_up_is_not_handed_over_after_all(site: Site, told: list[str]) -> None:
    connection = connect(site, wire := Wire())
    connection.data_received(GET % 1)
    call = PageCall(b"the request", connection, told.append)

    call.give_up()
    call.connection_made(cast("Any", page := Wire()))

    assert wire.written.startswith(b"HTTP/1.1 503")
    assert (page.written, page.state) == (b"", "aborted")


def test_a_slow_reader_holds_the_page_process_back(site: Site, told: list[str]) -> None:
    connection = connect(site, Wire())
    connection.data_received(GET % 1)
    call = PageCall(b"", connection, told.append)
    call.connection_made(cast("Any", page := Wire()))

    connection.pause_writing()
    assert not page.is_read

    connection.resume_writing()
    assert page.is_read
