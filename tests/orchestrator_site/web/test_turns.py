"""A page process works on few requests at once, and whatever waits holds nobody up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from orchestrator_site.web import turns
from orchestrator_site.web.heads import KEEP_ALIVE
from orchestrator_site.web.intake import request_frame
from orchestrator_site.web.page_process import PageProcess
from tests.processes.harness import wait_until

THREADS = 5


class Pages:
    """A page process of five threads in this one, which answers every request by `work`."""

    def __init__(self, folder: Path, work: Callable[[str], object]) -> None:
        self._address = str(folder / "pages")
        self._work = work
        self._senders: list[socket.socket] = []
        self.threads: list[int] = []
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._address)
        listener.listen(100)
        PageProcess(self._answer, listener, THREADS).start()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.threads.append(threading.get_ident())
        self._work(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b"done"]

    def ask(self, path: str) -> socket.socket:
        """Send a request; the answer is read from what this returns."""
        sender = socket.socket(socket.AF_UNIX)
        self._senders.append(sender)
        sender.settimeout(10)
        sender.connect(self._address)
        environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", KEEP_ALIVE: ""}
        sender.sendall(request_frame(environ, b""))
        return sender

    def close(self) -> None:
        """Close what was asked on."""
        for sender in self._senders:
            sender.close()


def answer(sender: socket.socket) -> bytes:
    """All that comes back."""
    return b"".join(iter(lambda: sender.recv(4096), b""))


def test_requests_that_wait_hold_nobody_up(tmp_path: Path) -> None:
    may_end = threading.Event()
    pages = Pages(tmp_path, lambda path: path == "/waits" and may_end.wait(60))
    waiting = [pages.ask("/waits") for _ in range(THREADS - 1)]

    assert b"done" in answer(pages.ask("/"))
    assert b"done" in answer(pages.ask("/"))

    may_end.set()
    assert all(b"done" in answer(one) for one in waiting)
    # With all turns back, as at first.
    assert all(b"done" in answer(pages.ask("/")) for _ in range(2 * THREADS))
    pages.close()


def test_all_threads_may_wait(tmp_path: Path) -> None:
    may_end = threading.Event()
    pages = Pages(tmp_path, lambda path: path == "/waits" and may_end.wait(60))
    waiting = [pages.ask("/waits") for _ in range(THREADS)]
    wait_until(lambda: len(pages.threads) == THREADS, what="all threads at work")
    last = pages.ask("/")

    may_end.set()

    assert all(b"done" in answer(one) for one in (*waiting, last))
    pages.close()


def test_two_are_at_work_at_once_and_stay_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 60.0)
    at_work, most = [], 0

    def work(path: str) -> None:
        nonlocal most
        at_work.append(path)
        most = max(most, len(at_work))
        sleep(0.005)
        at_work.remove(path)

    pages = Pages(tmp_path, work)
    asked = [pages.ask(f"/{number}") for number in range(40)]

    assert all(b"done" in answer(one) for one in asked)
    assert most == turns.AT_ONCE
    assert len(set(pages.threads)) == turns.AT_ONCE
    pages.close()


def test_whoever_slept_last_is_woken_first() -> None:
    order: list[int] = []
    shared = turns.Turns()
    for thread in range(10, 10 + turns.AT_ONCE):
        shared.wait(thread)

    def sleep_on(number: int) -> None:
        shared.wait(number)
        order.append(number)

    sleepers = [threading.Thread(target=sleep_on, args=(number,)) for number in range(3)]
    for asleep, sleeper in enumerate(sleepers):
        sleeper.start()
        wait_until(partial(has_sleepers, shared, asleep + 1), what="the thread to sleep")
    for sleeper in reversed(sleepers):
        shared._give_back()
        sleeper.join(10)

    assert order == [2, 1, 0]


def has_sleepers(shared: turns.Turns, count: int) -> bool:
    """Whether so many threads wait for a turn."""
    return len(shared._sleepers) == count
