"""Whatever stands still around it, the web server answers every alert in time, and is itself again soon afterwards."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from django.conf import settings

from signals_app.models import Signal, WebhookDelivery
from tests.factories import make_source
from tests.processes.disk import Disk
from tests.processes.harness import (
    application_url,
    database_url,
    free_port,
    http_status,
    is_alive,
    wait_until,
    web_processes,
)
from tests.processes.line import Line, Network
from tests.processes.patience import PATIENT
from tests.signals_app.webhook.webhook import TOKEN, alert

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

WEBHOOK = f"/webhooks/tradingview/{TOKEN}/"
# The loop answers after 0.9 s; waiting for one another they would take eight times that. The rest is a busy machine's.
IN_TIME = 5.0
MIB = 1024 * 1024


@contextmanager
def serving(log: Any, url: str, **environment: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a web server with two page processes; its port and its process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator_site.web.server", "--port", str(port)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "WEB_THREADS": "1", "DATABASE_URL": url, **environment},
        stderr=log,
    )
    try:
        wait_until(lambda: http_status(f"http://127.0.0.1:{port}/healthz") == 200, what="the web server")
        yield port, process
    finally:
        process.terminate()
        process.wait(15)


class Server:
    """A web server that all tests here share; what it logs, and its line to the database."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path, line: Line) -> None:
        self.port, self.process, self.log, self.line = port, process, log, line


@pytest.fixture(scope="module")
def network() -> Iterator[Network | None]:
    """A network that can lose packets; None where this machine allows none."""
    network = Network()
    yield network if network.build() else None
    network.remove()


@pytest.fixture(scope="module")
def shared(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory, network: Network | None
) -> Iterator[Server]:
    """One server for all."""
    path = tmp_path_factory.mktemp("hangs") / "log"
    with django_db_blocker.unblock():
        line = Line(network.listen() if network else socket.create_server(("127.0.0.1", 0)))
    with path.open("wb") as log, serving(log, line.url) as (port, process):
        yield Server(port, process, path, line)


@pytest.fixture
def server(shared: Server) -> Server:
    """The server, with a source, all its processes up, and an alert taken before: that opens its session."""
    make_source()
    is_back(shared.port)
    for kind in ("pages", "alerts"):
        wait_until(lambda kind=kind: len(children(shared.process, kind)) == 2, what=kind)  # type: ignore[misc]
    # One that is not up yet may stand still for longer.
    wait_until(lambda: all(is_up(pid) for pid in children(shared.process, "pages")), what="page processes")
    return shared


def send(port: int, symbol: str = "SPY") -> tuple[int, float]:
    """Send an alert; return the status of its answer, and after how many seconds it came."""
    begun = monotonic()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        client.request("POST", WEBHOOK, json.dumps(alert(symbol=symbol)), {"Content-Type": "application/json"})
        answer = client.getresponse()
        assert answer.status != 503 or answer.headers["Retry-After"]
        return answer.status, monotonic() - begun
    finally:
        client.close()


def page_status(port: int) -> int:
    """The status of a page; 503 when the process that has it is killed."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        client.request("GET", "/admin/login/")
        return client.getresponse().status
    finally:
        client.close()


def send_many(port: int, count: int) -> list[tuple[int, float]]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda number: send(port, f"S{number}"), range(count)))


def is_back(port: int) -> None:
    wait_until(lambda: send(port, "BACK")[0] == 200, what="an alert taken again")


def children(process: subprocess.Popen[bytes], kind: str) -> list[int]:
    """The pids of the alert processes, or of the page processes."""
    return web_processes(process.pid, kind)


def is_up(pid: int) -> bool:
    """Whether a page process has come to serve: then it handles SIGTERM."""
    try:
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    (caught,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> signal.SIGTERM - 1 & 1)


def test_a_frozen_database_is_a_503_in_time_and_taken_again_soon(server: Server) -> None:
    server.line.flows.clear()
    answers, health = send_in_vain(server.port)
    server.line.flows.set()

    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < IN_TIME
    assert health == 200
    is_back(server.port)


def test_a_database_that_is_cut_off_without_a_word_is_the_same(server: Server, network: Network | None) -> None:
    if network is None:
        pytest.skip("a network of its own needs root and the right to make one")
    with network.swallowing():
        answers, health = send_in_vain(server.port)

    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < IN_TIME
    assert health == 200
    is_back(server.port)


def send_in_vain(port: int) -> tuple[list[tuple[int, float]], int]:
    """Alerts of several senders, one after the other, and the health probe."""
    answers = [answer for _ in range(2) for answer in send_many(port, 8)]
    return answers, http_status(f"http://127.0.0.1:{port}/healthz")


def test_a_locked_table_is_a_503_in_time_for_everybody(server: Server) -> None:
    with psycopg.connect(database_url(), autocommit=True) as other:
        with other.transaction():
            other.execute("LOCK TABLE signals")
            answers = [answer for _ in range(2) for answer in send_many(server.port, 8)]

        assert {status for status, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < IN_TIME
        is_back(server.port)


@pytest.fixture
def disk(server: Server, tmp_path: Path) -> Iterator[Disk]:
    """A small disk of its own for the table of deliveries."""
    disk = Disk(tmp_path, 1)
    if not disk.mount():
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield disk
    disk.remove()


def test_a_full_disk_is_a_503_that_leaves_nothing_half_written(server: Server, disk: Disk) -> None:
    with disk.full():
        statuses: list[int] = []
        # The pages that the table has already hold some more, and how many pages it was given at once nobody knows.
        while statuses[-10:] != [503] * 10 and len(statuses) < 1000:
            statuses.append(send(server.port, f"S{len(statuses)}")[0])

    assert statuses[-10:] == [503] * 10
    assert set(statuses) <= {200, 503}
    is_back(server.port)
    assert Signal.objects.count() == WebhookDelivery.objects.count()
    assert Signal.objects.exclude(symbol="BACK").count() == statuses.count(200)


def test_processes_that_stand_still_are_replaced(server: Server) -> None:
    # Asked for once: on a busy machine the first one may have its successor before the second is stopped.
    page, (alerts, other) = children(server.process, "pages")[0], children(server.process, "alerts")
    stopped, before = [page, alerts], server.log.read_text().count("program.stuck")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    # Nobody waits for them meanwhile: the other one of each kind accepts all. What a stopped one had would end without
    # an answer when it is killed, a page with 503; an alert gets that from a database that is late, too.
    assert {page_status(server.port) for _ in range(5)} == {200}
    assert {send(server.port, f"S{number}")[0] for number in range(5)} <= {200, 503}
    stopped.append(other)
    os.kill(other, signal.SIGSTOP)

    wait_until(lambda: not any(map(is_alive, stopped)), what="the end of what stands still")
    wait_until(lambda: len(children(server.process, "pages")) == 2, what="another page process")
    is_back(server.port)
    assert server.log.read_text().count("program.stuck") == before + 3


def test_a_sender_that_closes_its_half_gets_the_answer(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sender:
        body = json.dumps(alert(symbol="HALF")).encode()
        sender.sendall(head_of(len(body)) + body)
        sender.shutdown(socket.SHUT_WR)

        assert sender.recv(4096).startswith(b"HTTP/1.1 200 OK")


def head_of(size: int, path: str = WEBHOOK) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()


def test_bodies_beyond_the_limit_are_refused_as_they_arrive_and_kept_nowhere(server: Server) -> None:
    before = resident_mib(server)
    head = head_of(1_900_000, "/webhooks/tradingview/nobody-knows-me/")
    senders = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(100)]
    for sender in senders:
        sender.sendall(head + b"x" * 200_000)

    answers = {sender.recv(12) for sender in senders}

    assert answers == {b"HTTP/1.1 401"}
    assert resident_mib(server) - before < 40
    for sender in senders:
        sender.close()


def resident_mib(server: Server) -> float:
    """What all alert processes hold."""
    files = [Path("/proc") / str(pid) / "statm" for pid in children(server.process, "alerts")]
    return sum(int(file.read_text().split()[1]) for file in files) * os.sysconf("SC_PAGE_SIZE") / MIB


def test_neither_a_log_that_nobody_reads_nor_sigterm_costs_an_alert() -> None:
    make_source()
    reading, writing = os.pipe()
    with serving(writing, application_url(), **PATIENT) as (port, process):
        # More than a pipe holds, and more than is kept of it.
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = json.dumps(alert(direction="x" * 200)).encode()
        statuses = set()
        for _ in range(600):
            client.request("POST", WEBHOOK, body, {"Content-Type": "application/json"})
            answer = client.getresponse()
            statuses.add(answer.status)
            answer.read()
        client.close()
        assert statuses == {400}

        body = json.dumps(alert(symbol="LAST")).encode()
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as idle,
            socket.create_connection(("127.0.0.1", port), timeout=60) as sender,
        ):
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(4096).startswith(b"HTTP/1.1 200 OK")
            sender.sendall(head_of(len(body)) + body[:10])
            process.terminate()
            # Whoever waits for nothing is left.
            assert idle.recv(4096) == b""
            sender.sendall(body[10:])

            assert sender.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert process.wait(15) == 0
    os.close(reading)
    os.close(writing)
    assert Signal.objects.filter(symbol="LAST").count() == 1
    assert WebhookDelivery.objects.filter(outcome="accepted").count() == 1
