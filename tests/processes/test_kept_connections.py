"""An engine's connection through the deaths of the processes that may have it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from policies.services import create_api_key
from tests.policies.control import ADA
from tests.processes.harness import wait_until, web_processes
from tests.processes.test_web_server import HEARTBEAT, SCRAPE, ask, serving

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
RULES = {"engine_version": "1", "rules_hash": "a" * 64}


class Engine:
    """An engine on one connection."""

    def __init__(self, port: int, key: str) -> None:
        self._key = key
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def beat(self) -> int:
        """Send a heartbeat; the status of the answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Api-Key {self._key}"}
        self.line.request("POST", HEARTBEAT, json.dumps(RULES).encode(), headers)
        answer = self.line.getresponse()
        answer.read()
        return answer.status

    def owner(self, kind: str) -> int | None:
        """Which process of this kind has the other end; None for none of them."""
        inode = inode_of(self.line.sock)
        return next((pid for pid in web_processes(os.getpid(), kind) if inode in files(pid)), None)


def inode_of(ours: socket.socket) -> str:
    """The kernel's number of the site's end of a connection of ours."""
    site, here = (f"0100007F:{port:04X}" for _, port in (ours.getpeername(), ours.getsockname()))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, _, _, _, _, _, inode, *_ = line.split()
        # Other connections, from here to elsewhere, may have one of the two ports.
        if (local, remote) == (site, here):
            return f"socket:[{inode}]"
    return "none"


def files(pid: int) -> set[str]:
    """What a process has open."""
    found = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for one in (Path("/proc") / str(pid) / "fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(one.readlink()))
    return found


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    _, key = create_api_key(ADA, owner="engine-a", name="kept")
    with serving(tmp_path / "log", processes=2, WEB_THREADS="3", METRICS_TOKEN="a-token") as port:
        engine = Engine(port, key)
        yield engine
        engine.line.close()


def keep(engine: Engine) -> int:
    """Call, and wait until a page process has the connection; its pid."""
    assert engine.beat() == 200
    owner: int = wait_until(lambda: engine.owner("pages"), what="a page process to have the connection")
    wait_until(lambda: engine.owner("alerts") is None, what="the door to be rid of it")
    return owner


def test_each_call_is_counted_once(engine: Engine) -> None:
    for _ in range(5):
        assert engine.beat() == 200
    port = engine.line.port

    def counted() -> Any:
        lines = ask(port, "GET", "/metrics", **SCRAPE).decode().splitlines()
        return [line.split()[-1] for line in lines if line.startswith("orchestrator_api_call_seconds_count")]

    wait_until(lambda: counted() == ["5.0"], what="five calls among the metrics")


def test_a_page_process_that_is_asked_to_end_loses_no_connection(engine: Engine) -> None:
    os.kill(keep(engine), signal.SIGTERM)
    wait_until(lambda: engine.owner("alerts"), what="the door to have the connection again")

    assert engine.beat() == 200
    assert engine.beat() == 200


def test_alert_processes_that_are_killed_take_no_kept_connection_with_them(engine: Engine) -> None:
    keep(engine)
    for pid in web_processes(os.getpid(), "alerts"):
        os.kill(pid, signal.SIGKILL)

    assert [engine.beat() for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_page_process_that_is_killed_or_stands_still_ends_its_connections(
    engine: Engine, how: signal.Signals
) -> None:
    os.kill(keep(engine), how)

    # Who stands still is killed within seconds.
    with pytest.raises(ConnectionError):
        engine.beat()
    # Python's client does so by itself only where it had sent the request.
    engine.line.close()
    # It opens another one, and the other process answers.
    assert [engine.beat() for _ in range(3)] == [200] * 3
