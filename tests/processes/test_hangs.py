"""Whatever stands still around it, the web server answers every alert in time, and is itself again soon afterwards."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from signals_app.models import Signal, WebhookDelivery
from tests.factories import make_source
from tests.processes.harness import database_url, descendants, free_port, http_status, is_alive, wait_until
from tests.signals_app.webhook.webhook import TOKEN, alert

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

WEBHOOK = f"/webhooks/tradingview/{TOKEN}/"
# The loop answers after 0.85 s; the rest is what a busy machine takes to notice.
IN_TIME = 1.5
MIB = 1024 * 1024


@contextmanager
def server(log: Any, url: str = "") -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a web server with two page processes; its port and its process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator_site.web.server", "--port", str(port)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "WEB_THREADS": "1", "DATABASE_URL": url or database_url()},
        stderr=log,
    )
    try:
        wait_until(lambda: http_status(f"http://127.0.0.1:{port}/healthz") == 200, what="the web server")
        # A page process that is not up yet may stand still for longer; the first alert opens the session.
        wait_until(lambda: all(is_up(pid) for pid in children(process, "pages")), what="page processes")
        wait_until(lambda: send(port)[0] == 200, what="an alert taken")
        yield port, process
    finally:
        process.terminate()
        process.wait(15)


def send(port: int, symbol: str = "SPY") -> tuple[int, float]:
    """Send an alert; return the status of its answer, and after how many seconds it came."""
    begun = monotonic()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("POST", WEBHOOK, json.dumps(alert(symbol=symbol)), {"Content-Type": "application/json"})
        return client.getresponse().status, monotonic() - begun
    finally:
        client.close()


def page_status(port: int) -> int:
    """The status of a page; it must come before a process that stands still is replaced."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=4.5)
    try:
        client.request("GET", "/admin/login/")
        return client.getresponse().status
    finally:
        client.close()


def send_many(port: int, count: int) -> list[tuple[int, float]]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda number: send(port, f"S{number}"), range(count)))


def is_back(port: int) -> None:
    wait_until(lambda: send(port, "BACK")[0] == 200, seconds=3, what="an alert taken again")


def children(process: subprocess.Popen[bytes], kind: str) -> list[int]:
    """The pids of the alert process, or of the page processes."""
    return [
        pid for pid in descendants(process.pid) if f"\0{kind}\0" in (Path("/proc") / str(pid) / "cmdline").read_text()
    ]


def is_up(pid: int) -> bool:
    """Whether a page process has come to serve: then it handles SIGTERM."""
    lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    (caught,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> signal.SIGTERM - 1 & 1)


class Line:
    """A network line to the database that can be cut without a word."""

    def __init__(self) -> None:
        own = connection.get_connection_params()
        self._server = f"{own['host']}/.s.PGSQL.{own.get('port') or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.is_cut = False
        parameters = {name: own.get(name) or "" for name in ("user", "password")}
        login = parameters["user"] + (f":{parameters['password']}" if parameters["password"] else "")
        self.url = f"postgresql://{login}@127.0.0.1:{self._listener.getsockname()[1]}/{own['dbname']}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._server)
            while True:
                ready, _, _ = select.select([client, server], [], [], 0.05)
                for end in [] if self.is_cut else ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    (server if end is client else client).sendall(data)


def test_a_database_that_is_cut_off_is_a_503_in_time_and_taken_again_soon(tmp_path: Path) -> None:
    make_source()
    line = Line()
    with (tmp_path / "log").open("wb") as log, server(log, line.url) as (port, _):
        line.is_cut = True
        answers = [answer for _ in range(3) for answer in send_many(port, 8)]
        health = http_status(f"http://127.0.0.1:{port}/healthz")
        line.is_cut = False

        assert {status for status, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < IN_TIME
        assert health == 200
        is_back(port)


def test_a_locked_table_is_a_503_in_time_for_everybody(tmp_path: Path) -> None:
    make_source()
    with (
        (tmp_path / "log").open("wb") as log,
        server(log) as (port, _),
        psycopg.connect(database_url(), autocommit=True) as other,
    ):
        with other.transaction():
            other.execute("LOCK TABLE signals")
            answers = [answer for _ in range(2) for answer in send_many(port, 8)]

        assert {status for status, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < IN_TIME
        is_back(port)


@pytest.mark.parametrize("kind", ["alerts", "pages"])
def test_a_process_that_stands_still_is_replaced(tmp_path: Path, kind: str) -> None:
    make_source()
    with (tmp_path / "log").open("wb") as log, server(log) as (port, process):
        others = children(process, kind)
        stopped = others.pop()
        os.kill(stopped, signal.SIGSTOP)

        if kind == "pages":
            # Nobody waits for it meanwhile: the other one accepts all.
            assert {page_status(port) for _ in range(5)} == {200}
        wait_until(lambda: not is_alive(stopped), seconds=10, what="the end of the process that stands still")
        wait_until(lambda: len(children(process, kind)) > len(others), seconds=10, what="another one")
        wait_until(lambda: send(port, "BACK")[0] == 200, seconds=20, what="an alert taken")

    assert "program.stuck" in (tmp_path / "log").read_text()


def test_a_log_that_nobody_reads_stops_no_alert() -> None:
    make_source()
    reading, writing = os.pipe()
    with server(writing) as (port, _):
        # More than a pipe holds, and more than is kept of it.
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = json.dumps(alert(direction="x" * 200)).encode()
        statuses = set()
        for _ in range(600):
            client.request("POST", WEBHOOK, body, {"Content-Type": "application/json"})
            answer = client.getresponse()
            statuses.add(answer.status)
            answer.read()
        client.close()
    os.close(reading)
    os.close(writing)

    assert statuses == {400}


def test_a_sender_that_closes_its_half_gets_the_answer(tmp_path: Path) -> None:
    make_source()
    body = json.dumps(alert(symbol="HALF")).encode()
    with (
        (tmp_path / "log").open("wb") as log,
        server(log) as (port, _),
        socket.create_connection(("127.0.0.1", port), timeout=10) as sender,
    ):
        head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        sender.sendall(head.encode() + body)
        sender.shutdown(socket.SHUT_WR)

        assert sender.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_bodies_beyond_the_limit_are_refused_as_they_arrive_and_kept_nowhere(tmp_path: Path) -> None:
    make_source()
    with (tmp_path / "log").open("wb") as log, server(log) as (port, process):
        door = children(process, "alerts")[0]
        before = resident_mib(door)
        head = (
            "POST /webhooks/tradingview/nobody-knows-me/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1900000\r\n\r\n"
        )
        senders = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(100)]
        for sender in senders:
            sender.sendall(head.encode() + b"x" * 200_000)

        answers = {sender.recv(12) for sender in senders}

        assert answers == {b"HTTP/1.1 401"}
        assert resident_mib(door) - before < 40
        for sender in senders:
            sender.close()


def resident_mib(pid: int) -> float:
    pages = int((Path("/proc") / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def test_sigterm_lets_what_has_begun_come_to_its_end(tmp_path: Path) -> None:
    make_source()
    body = json.dumps(alert(symbol="LAST")).encode()
    with (tmp_path / "log").open("wb") as log, server(log) as (port, process):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
            head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            sender.sendall(head.encode() + body[:10])
            process.terminate()
            threading.Event().wait(0.3)
            sender.sendall(body[10:])

            assert sender.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert process.wait(15) == 0
    assert Signal.objects.filter(symbol="LAST").count() == 1
    assert WebhookDelivery.objects.filter(outcome="accepted").count() == 2
