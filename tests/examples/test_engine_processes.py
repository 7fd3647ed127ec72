"""An example engine as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from tests.examples.peer import DROP, peer
from tests.processes.harness import wait_until

pytestmark = pytest.mark.processes

ENGINE_A = str(Path(settings.BASE_DIR) / "examples" / "engine_a.py")
NO_WORK: dict[str, list[object]] = {"assignments": [], "exit_directives": []}


@contextmanager
def engine(*arguments: str, log: Path, key: str = "the-key") -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if name != "ORCHESTRATOR_API_KEY"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, ENGINE_A, *arguments],
            env=environment | ({"ORCHESTRATOR_API_KEY": key} if key else {}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_when_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    with peer((200, NO_WORK)) as server, engine("--url", server.url, log=tmp_path / "log") as process:
        wait_until(lambda: len(server.requests) > 3, what="work")

        process.send_signal(number)

        assert process.wait(20) == 0
    assert "stopped with 0 positions open" in (tmp_path / "log").read_text()
    assert server.requests[0][1] == "/api/v1/heartbeat"


def test_it_waits_for_an_orchestrator_that_is_away_and_can_still_be_stopped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with peer((DROP, None)) as server, engine("--url", server.url, log=log) as process:
        wait_until(lambda: log.read_text().count("is busy or unavailable") > 2, what="three attempts")

        process.terminate()

        assert process.wait(20) == 0


def test_a_refused_key_ends_it_with_the_reason(tmp_path: Path) -> None:
    refusal = {"code": "unauthorized", "detail": "The API key is unknown.", "errors": [], "request_id": "r-1"}
    with peer((401, refusal)) as server, engine("--url", server.url, log=tmp_path / "log") as process:
        assert process.wait(20) == 1

    assert "Engine A stopped: 401 unauthorized: The API key is unknown." in (tmp_path / "log").read_text()


def test_without_a_key_it_says_how_to_get_one(tmp_path: Path) -> None:
    with engine("--url", "http://127.0.0.1:1", log=tmp_path / "log", key="") as process:
        assert process.wait(20) == 2

    assert "python manage.py apikey create --owner engine-a" in (tmp_path / "log").read_text()
