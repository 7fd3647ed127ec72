"""What several requirements forbid, watched while a test runs."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.criteria import criteria_of, modules_by_criterion
from tests.size.source import ROOT
from tests.size.trace import Trace


@pytest.fixture(autouse=True)
def _code_of_a_module_named_for_the_criterion_runs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that runs no code of the modules that docs/requirements.md names for its criterion."""
    criteria = criteria_of(request.node.name.partition("[")[0])
    # Other processes cannot be watched from here.
    if not criteria or request.node.get_closest_marker("processes"):
        yield
        return
    trace = Trace()
    with trace.running(), trace.stage("test"):
        yield
    visited = {str(path.relative_to(ROOT)) for path in trace.files()}
    for criterion in criteria:
        named = modules_by_criterion()[criterion]
        assert named & visited, f"docs/requirements.md says {sorted(named)} keep {criterion}; nothing of them ran"


@pytest.fixture
def calls_to_others(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connections, look-ups of hosts and programs that Python code asked for; the database's own go past Python."""
    asked: list[str] = []

    def record(name: str) -> Any:
        def refuse(*_: object, **__: object) -> Any:
            asked.append(name)
            raise OSError(f"{name} is watched by this test")

        return refuse

    monkeypatch.setattr(socket.socket, "connect", record("connect"))
    monkeypatch.setattr(socket.socket, "connect_ex", record("connect_ex"))
    monkeypatch.setattr(socket.socket, "sendto", record("sendto"))
    monkeypatch.setattr(socket, "getaddrinfo", record("getaddrinfo"))
    monkeypatch.setattr(subprocess, "Popen", record("Popen"))
    return asked


@pytest.fixture
def no_randomness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all ids and tokens that Python draws come out the same; the module `random` is banned by the linter."""
    monkeypatch.setattr(os, "urandom", bytes)
