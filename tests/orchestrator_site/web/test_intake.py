"""A page process has an engine's connection for as long as plain calls come on it, and nobody can tell."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from errno import EMFILE
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from orchestrator_site.web import intake
from orchestrator_site.web.handling import API, ROUTE, is_call
from orchestrator_site.web.heads import KEEP_ALIVE
from orchestrator_site.web.intake import EngineLine, Intake
from orchestrator_site.web.page_process import PageProcess
from orchestrator_site.web.server import bound
from tests.processes.harness import wait_until
from tests.signals_app.webhook.door import open_door

CALL = "/api/v1/claims"
THREADS = 3


class Site:
    """A door and page processes in this process; the site repeats what it is asked, with the status that it is told."""

    def __init__(self, folder: Path, processes: int) -> None:
        self.may_end = threading.Event()
        self.returned = bound(folder / "doors", socket.SOCK_DGRAM)
        listener = bound(folder / "pages", socket.SOCK_STREAM)
        listener.listen(100)
        self.address = str(folder / "pages")
        self.pages = [
            PageProcess(partial(self._answer, number), listener, THREADS, str(folder / "doors"))
            for number in range(processes)
        ]
        for one in self.pages:
            one.start()
        self.port = 0

    def _answer(self, number: int, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        if path.endswith("waits"):
            self.may_end.wait(60)
        if is_call(path):
            environ[ROUTE] = path.removeprefix(API)
        status = environ.get("HTTP_X_STATUS", "200")
        # All but what no application looks at.
        said = {name: value for name, value in environ.items() if isinstance(value, str) and name != KEEP_ALIVE}
        body = environ["wsgi.input"].read().decode()
        start_response(f"{status} So", [("Content-Type", "application/json"), ("X-Process", str(number))])
        return [json.dumps(said | {"body": body}).encode()]

    def kept(self, number: int = 0) -> int:
        """How many connections wait at a page process for their next call."""
        return len(self.pages[number]._intake._kept)

    def wait_until_kept(self, count: int) -> None:
        """An answer is on its way before the next call is waited for."""
        wait_until(lambda: sum(map(self.kept, range(len(self.pages)))) == count, what=f"{count} kept connections")


@contextmanager
def open_site(folder: Path, processes: int = 1) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        # On a busy machine the door may be late.
        for name in ("GIVE_SECONDS", "GIVE_BACK_SECONDS"):
            patch.setattr(intake, name, 30.0)
        site = Site(folder, processes)
        with open_door(site.address, site.returned) as site.port:
            yield site
            site.may_end.set()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as site:
        yield site


class Sender:
    """A client on one connection, which reads answers as RFC 9112 says."""

    def __init__(self, port: int) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._stream = self.line.makefile("rb")

    def send(self, *parts: bytes) -> Answer:
        """Send what is given, in so many parts, and return the next answer."""
        for part in parts:
            self.line.sendall(part)
        return self.answer(is_head=parts[0].startswith(b"HEAD"))

    def answer(self, *, is_head: bool = False) -> Answer:
        """Return the next answer."""
        status = int(self._stream.readline().split(b" ")[1])
        headers = {}
        while line := self._stream.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        if status == 100:
            return self.answer()
        length = 0 if is_head else int(headers.get("Content-Length", 0))
        return Answer(status, headers, self._stream.read(length))

    def is_over(self) -> bool:
        """Whether the site has ended the connection."""
        try:
            return self._stream.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Leave."""
        self._stream.close()
        self.line.close()


class Answer:
    """What came back; of a call the environ that it was answered by."""

    def __init__(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.status = status
        self.headers = {name: value for name, value in headers.items() if name not in {"Date", "X-Request-Id"}}
        self.document = json.loads(content) if content else {}


def request(path: str = CALL, body: bytes = b'{"a": 1}', *, method: str = "POST", **headers: str) -> bytes:
    """A request as most clients send it."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def kept_sender(site: Site) -> Sender:
    """A sender whose connection a page process has."""
    sender = Sender(site.port)
    before = site.kept()
    sender.send(request())
    site.wait_until_kept(before + 1)
    return sender


def test_after_a_success_the_connection_stays_with_the_page_process(site: Site) -> None:
    sender = Sender(site.port)

    first = sender.send(request())
    site.wait_until_kept(1)
    others = [sender.send(request()) for _ in range(5)]

    # Neither status, nor header, nor what the site is told shows who has read the call.
    assert {(one.status, *one.headers.items(), json.dumps(one.document)) for one in (first, *others)} == {
        (first.status, *first.headers.items(), json.dumps(first.document))
    }
    host, port = sender.line.getsockname()[0], str(site.port)
    assert (first.document["REMOTE_ADDR"], first.document["SERVER_PORT"]) == (host, port)
    assert first.document["body"] == '{"a": 1}'
    sender.close()
    site.wait_until_kept(0)


@pytest.mark.parametrize(
    "other",
    [
        request(X_Forwarded_For="192.0.2.7"),
        request(Forwarded="for=192.0.2.7"),
        request(Via="1.1 proxy"),
        request("/admin/"),
        request("/api/v1/docs"),
        request("/webhooks/elsewhere/", method="GET", body=b""),
        request("/healthz", method="GET", body=b""),
    ],
)
def test_a_proxys_connection_or_a_browsers_stays_at_the_door(site: Site, other: bytes) -> None:
    """Anybody's request may come on it, an alert as well, which waits for no page."""
    sender = Sender(site.port)
    for one in (other, request(), request()):
        sender.send(one)
    last = kept_sender(site)

    assert site.kept() == 1
    sender.close()
    last.close()


@pytest.mark.parametrize(
    "first",
    [
        request(method="GET", body=b""),
        request(X_Status="409"),
    ],
)
def test_nobody_else_gives_a_page_process_his_connection(site: Site, first: bytes) -> None:
    sender = Sender(site.port)
    sender.send(first)
    sender.send(first)
    sender.send(first)

    other = kept_sender(site)

    assert site.kept() == 1
    sender.close()
    other.close()


def lines(head: str) -> bytes:
    return "\r\n".join([*head.split("\n"), "", ""]).encode()


POST = f"POST {CALL} HTTP/1.1\nHost: localhost\n"


UNUSUAL = {
    "a path that no page process answers": [request("/healthz", b"", method="GET")],
    "a page": [request("/admin/", b"", method="GET")],
    "a body in chunks": [lines(POST + "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\n"],
    "a sender who asks whether he may go on": [request(Expect="100-continue")],
    "a sender who wants no more": [request(Connection="close")],
    "HTTP/1.0": [lines(f"GET {CALL} HTTP/1.0\nHost: localhost")],
    "a head in two pieces": [request()[:30], request()[30:]],
    "a long body": [request(body=b"a" * 70_000)],
    "a very long body": [request(body=b"a" * 3_000_000)],
    "a long head": [request(X_Long="a" * 30_000)],
    "too long a head": [request(X_Long="a" * 40_000)],
    "no HTTP": [b"nonsense\r\n\r\n"],
    "two lengths": [lines(POST + "Content-Length: 1\nContent-Length: 2") + b"ab"],
    "no host": [lines(f"GET {CALL} HTTP/1.1")],
    "two hosts": [lines(f"GET {CALL} HTTP/1.1\nHost: a\nHost: b")],
    "another protocol": [request(Connection="Upgrade", Upgrade="h2c")],
    "no length": [lines(POST.strip())],
    "a length with zeros before it": [lines(POST + "Content-Length: 0002") + b"ab"],
    "a length with more digits than Python takes": [lines(POST + f"Content-Length: {'0' * 5000}2") + b"ab"],
    "a header that is no header of ours": [request(X__Forwarded_For="1.1.1.1").replace(b"X--", b"X_")],
    "a target that is absolute": [request(f"http://localhost{CALL}?a=%20b")],
    "HEAD": [request(method="HEAD", body=b"")],
    "another method": [request(method="DELETE", body=b"")],
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_whatever_comes_on_a_kept_connection_is_answered_as_on_a_new_one(site: Site, what: str) -> None:
    parts = UNUSUAL[what]
    new, kept = Sender(site.port), kept_sender(site)

    usual, answer = new.send(*parts), kept.send(*parts)

    assert (answer.status, answer.headers, answer.document) == (usual.status, usual.headers, usual.document)
    ends = usual.headers.get("Connection") == "close"
    assert ends == (answer.headers.get("Connection") == "close")
    if ends:
        assert new.is_over()
        assert kept.is_over()
    else:
        assert new.send(request()).document == kept.send(request()).document
    new.close()
    kept.close()


def test_calls_that_are_sent_ahead_are_answered_in_order(site: Site) -> None:
    sender = kept_sender(site)

    first = sender.send(request(body=b"1") + request(body=b"2") + request("/healthz", b"", method="GET"))

    assert [first.document["body"], sender.answer().document["body"]] == ["1", "2"]
    assert sender.answer().document == {"status": "ok"}
    sender.close()


def test_a_body_may_come_after_its_head(site: Site) -> None:
    sender = kept_sender(site)
    head, _, body = request(body=b"12345").partition(b"\r\n\r\n")

    together = sender.send(head + b"\r\n\r\n", body)

    assert together.document["body"] == "12345"
    sender.close()


def test_a_body_that_is_late_is_waited_for_at_the_door(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BODY_SECONDS", 0.001)
    sender = kept_sender(site)
    head, _, body = request(body=b"12345").partition(b"\r\n\r\n")
    sender.line.sendall(head + b"\r\n\r\n123")
    wait_until(lambda: site.kept() == 0, what="the page process to turn to others")

    other = kept_sender(site)
    assert sender.send(body[3:]).document["body"] == "12345"
    # Who is slow once stays at the door.
    sender.send(request())
    assert site.kept() == 1
    sender.close()
    other.close()


def test_a_body_that_breaks_off_is_told_so(site: Site) -> None:
    sender = kept_sender(site)
    sender.line.sendall(request(body=b"12345")[:-2])
    sender.line.shutdown(socket.SHUT_WR)

    assert sender.answer().document["code"] == "body_incomplete"
    sender.close()


def test_a_sender_who_closes_his_side_has_his_answer(site: Site) -> None:
    sender = kept_sender(site)
    sender.line.sendall(request())
    sender.line.shutdown(socket.SHUT_WR)

    assert sender.answer().status == 200
    assert sender.is_over()
    sender.close()


def test_after_a_failure_the_door_has_the_connection_until_a_call_succeeds(tmp_path: Path) -> None:
    with open_site(tmp_path, processes=2) as site:
        sender = Sender(site.port)
        sender.send(request())
        site.wait_until_kept(1)

        assert sender.send(request(X_Status="429")).status == 429
        site.wait_until_kept(0)
        assert sender.send(request(X_Status="429")).status == 429
        site.wait_until_kept(0)
        assert sender.send(request()).status == 200
        site.wait_until_kept(1)
        sender.close()


def test_now_and_then_a_connection_passes_the_door_so_that_others_may_have_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "CALLS", 3)
    sender = kept_sender(site)

    for _ in range(2):
        assert [sender.send(request()).status for _ in range(3)] == [200] * 3
        site.wait_until_kept(0)
        assert sender.send(request()).status == 200
        site.wait_until_kept(1)
    sender.close()


def test_of_what_is_sent_ahead_on_a_new_connection_nothing_is_lost(site: Site) -> None:
    sender = Sender(site.port)
    bodies = [str(number).encode() for number in range(20)]

    sender.line.sendall(b"".join(request(body=body) for body in bodies))

    assert [sender.answer().document["body"].encode() for _ in bodies] == bodies
    sender.close()


def test_a_connection_that_is_quiet_goes_back_and_comes_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = kept_sender(site)
    pages = site.pages[0]._intake

    pages.look_after(is_full=False)
    assert site.kept() == 1
    monkeypatch.setattr(intake, "IDLE_SECONDS", 0.0)
    pages.look_after(is_full=False)
    assert site.kept() == 0

    assert sender.send(request()).status == 200
    assert sender.send(request()).status == 200
    site.wait_until_kept(1)
    sender.close()


def test_what_waits_for_a_process_without_a_free_thread_is_answered_by_another(tmp_path: Path) -> None:
    with open_site(tmp_path, processes=2) as site:
        senders = [Sender(site.port) for _ in range(4 * THREADS)]
        homes = [[sender.send(request()), sender.send(request())][1].headers["X-Process"] for sender in senders]
        site.wait_until_kept(len(senders))
        busy = max("01", key=homes.count)
        *waiting, last = [sender for sender, home in zip(senders, homes, strict=True) if home == busy][: THREADS + 1]
        pages = site.pages[int(busy)]

        for sender in waiting:
            sender.line.sendall(request(f"{CALL}/waits"))
        wait_until(lambda: len(pages._progress) == THREADS, what="all threads to be busy")
        last.line.sendall(request())
        pages._intake.look_after(is_full=True)

        assert last.answer().headers["X-Process"] != busy
        assert site.kept(int(busy)) == 0
        # As long as that is so, nothing stays.
        site.may_end.set()
        assert {sender.answer().status for sender in waiting} == {200}
        wait_until(lambda: not pages._progress, what="the ends of the calls")
        assert site.kept(int(busy)) == 0
        for sender in senders:
            sender.close()


def test_a_process_that_ends_gives_its_connections_back(tmp_path: Path) -> None:
    with open_site(tmp_path) as site:
        idle, busy = kept_sender(site), kept_sender(site)
        busy.line.sendall(request(f"{CALL}/waits"))
        site.wait_until_kept(1)

        site.pages[0]._intake.stop()
        site.may_end.set()

        assert busy.answer().status == 200
        assert site.kept() == 0
        assert {sender.send(request("/healthz", b"", method="GET")).status for sender in (idle, busy)} == {200}
        idle.close()
        busy.close()


def test_what_doors_do_not_take_at_once_they_are_offered_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a page process would say nothing for so long that it is taken for one that stands still."""
    monkeypatch.setattr(intake, "GIVE_BACK_SECONDS", 0.1)
    with ExitStack() as stack:
        doors = stack.enter_context(bound(tmp_path / "doors", socket.SOCK_DGRAM))
        pages = Intake(stack.enter_context(bound(tmp_path / "pages", socket.SOCK_STREAM)), str(tmp_path / "doors"))
        assert pages._doors is not None
        pages._doors.settimeout(0.1)
        stack.enter_context(pages._doors)
        # As many as the socket holds, and many more.
        for _ in range(60):
            ours, theirs = socket.socketpair()
            stack.enter_context(theirs)
            pages._keep(EngineLine(ours, {}, pages))

        begun = monotonic()
        pages.look_after(is_full=True)
        assert monotonic() < begun + 1
        assert len(pages._kept) > 30

        offered = []
        while pages._kept:
            offered.append(len(pages._kept))
            doors.settimeout(0)
            with suppress(BlockingIOError):
                while True:
                    socket.recv_fds(doors, 1, 0)
            pages.look_after(is_full=True)
        assert offered == sorted(set(offered), reverse=True)


def test_a_thread_that_is_woken_too_early_waits_until_the_connection_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection had its number when the thread was woken."""
    monkeypatch.setattr(Intake, "has_room", lambda _: True)
    with bound(tmp_path / "pages", socket.SOCK_STREAM) as listener, ExitStack() as stack:
        listener.listen()
        pages = Intake(listener, None)
        ours, _ = map(stack.enter_context, socket.socketpair())
        line, poll, found = EngineLine(ours, {}, pages), pages._poll, []
        woken = threading.Thread(target=lambda: found.append(pages._take(ours.fileno())))

        class Poll:
            def modify(self, *arguments: int) -> None:
                woken.start()
                woken.join(0.2)
                poll.register(*arguments)
                assert not found

        pages._poll = Poll()  # type: ignore[assignment]
        pages._keep(line)

        woken.join(5)
        assert found == [line]


def test_no_failure_ends_a_thread(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    senders = [kept_sender(site) for _ in range(2 * THREADS)]

    def read_nothing(_: Intake, source: EngineLine) -> None:
        raise ValueError(source)

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "_read_call", read_nothing)
        for sender in senders:
            sender.line.sendall(request())
        assert all(sender.is_over() for sender in senders)

    senders.append(kept_sender(site))
    assert senders[-1].send(request()).status == 200
    for sender in senders:
        sender.close()


def test_a_process_with_as_many_files_as_it_may_have_takes_more_later(tmp_path: Path) -> None:
    with bound(tmp_path / "pages", socket.SOCK_STREAM) as listener, ExitStack() as stack:
        listener.listen()
        pages = Intake(listener, None)
        accepted = [OSError(EMFILE, "Too many open files"), BlockingIOError()]

        class Listener:
            fileno = listener.fileno

            def accept(self) -> tuple[socket.socket, Any]:
                if accepted:
                    raise accepted.pop()
                return listener.accept()

        pages._listener = Listener()  # type: ignore[assignment]
        sender = stack.enter_context(socket.socket(socket.AF_UNIX))
        sender.connect(str(tmp_path / "pages"))

        assert stack.enter_context(pages.wait()).fileno() > 0  # type: ignore[arg-type]


def test_without_doors_connections_end_and_nobody_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GIVE_BACK_SECONDS", 0.05)
    with ExitStack() as stack:
        doors = stack.enter_context(bound(tmp_path / "doors", socket.SOCK_DGRAM))
        pages = Intake(stack.enter_context(bound(tmp_path / "pages", socket.SOCK_STREAM)), str(tmp_path / "doors"))
        assert pages._doors is not None
        stack.enter_context(pages._doors)
        ends = [stack.enter_context(one) for _ in range(21) for one in socket.socketpair()]
        # As many as the socket holds, and then some.
        for one in ends[:40:2]:
            pages._give_back(EngineLine(one, {}, pages))
        doors.close()
        pages._give_back(EngineLine(ends[40], {}, pages))

        assert ends[41].recv(1) == b""


def test_no_more_connections_are_kept_than_a_process_may_have(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_KEPT", 2)
    senders = [Sender(site.port) for _ in range(4)]

    for _ in range(3):
        assert [sender.send(request()).status for sender in senders] == [200] * 4
        wait_until(lambda: site.kept() <= 2, what="the door to have the others")
    for sender in senders:
        sender.close()


def test_no_file_stays_open_of_connections_that_are_gone(site: Site) -> None:
    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    kept_sender(site).close()
    site.wait_until_kept(0)
    before = files()

    for number in range(30):
        sender = kept_sender(site)
        if number % 3 == 0:
            sender.send(request("/healthz", b"", method="GET"))
        elif number % 3 == 1:
            sender.send(request(X_Status="500"))
        sender.close()
        site.wait_until_kept(0)

    wait_until(lambda: files() <= before, what="all files to be closed")


def test_a_number_that_another_connection_had_is_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BODY_SECONDS", 0.001)
    with ExitStack() as stack:
        listener = stack.enter_context(bound(tmp_path / "pages", socket.SOCK_STREAM))
        listener.listen()
        stack.enter_context(bound(tmp_path / "doors", socket.SOCK_DGRAM))
        pages = Intake(listener, str(tmp_path / "doors"))
        assert pages._doors is not None
        stack.enter_context(pages._doors)
        ours, theirs = socket.socketpair()
        line = EngineLine(ours, {}, pages)

        # What a thread has that was woken for the other one.
        assert pages.read(line) is None

        assert pages._kept == {ours.fileno(): line}
        theirs.sendall(request())
        assert pages.wait() is line
        got = pages.read(line)
        assert got is not None
        assert got.body == b'{"a": 1}'
        theirs.close()
        ours.close()


def test_without_the_means_to_keep_connections_the_door_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "CAN_KEEP", False)
    with open_site(tmp_path) as site:
        # A thread that goes on after the test is not to look at what holds then.
        monkeypatch.undo()
        sender = Sender(site.port)

        assert [sender.send(request()).status for _ in range(5)] == [200] * 5
        assert site.kept() == 0
        sender.close()
